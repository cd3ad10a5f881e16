"""Finding a wallet: by its owner, by an id of something that moved it, or by when it moved."""

from typing import Any

from litestar import Response, get

from bursar.console.asked import PAGE_ROWS, number_asked, text_asked, wallet_page, with_query
from bursar.console.references import references_of
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.http.calls import Ledger


@get("/wallets", include_in_schema=False)
async def wallets(request: AnyRequest) -> Response[str]:
    """Serve the wallets that are looked for, or those that moved last."""
    ledger = ledger_of(request)
    text, asset = text_asked(request, "q"), text_asked(request, "asset")
    is_first = True
    references = []
    if text:
        after = text_asked(request, "after_owner_id"), text_asked(request, "after_asset")
        is_first = not after[0]
        found, further = await _beginning(ledger, text, asset, after)
        references = await references_of(ledger, text) if is_first else []
    else:
        is_first = number_asked(request, "before_id") is None
        found, further = await _moved(request, asset)
    return page(
        request,
        "wallets.html",
        text=text,
        asset=asset,
        assets=await ledger.read("list_assets"),
        references=references,
        wallets=[(wallet_page(one["owner_id"], one["asset"]), one) for one in found],
        further=further,
        newest="" if is_first else with_query("console/wallets", q=text, asset=asset),
    )


async def _beginning(
    ledger: Ledger, text: str, asset: str, after: tuple[str, str]
) -> tuple[list[dict[str, Any]], str]:
    """Return wallets whose owner's id begins with a text, and where more of them are."""
    told = await ledger.read(
        "find_wallets", text, asset or None, after[0] or None, after[1] or None, PAGE_ROWS
    )
    if not told["wallets"] and text != text.lower():
        # Ids that are uuids are written in lower case.
        text = text.lower()
        told = await ledger.read("find_wallets", text, asset or None, None, None, PAGE_ROWS)
    if told["next"] is None:
        return told["wallets"], ""
    further = with_query(
        "console/wallets",
        q=text,
        asset=asset,
        after_owner_id=told["next"]["owner_id"],
        after_asset=told["next"]["asset"],
    )
    return told["wallets"], further


async def _moved(request: AnyRequest, asset: str) -> tuple[list[dict[str, Any]], str]:
    """Return wallets by when they moved last, and where those before them are."""
    told = await ledger_of(request).read(
        "list_moved_wallets",
        asset or None,
        number_asked(request, "as_of"),
        number_asked(request, "before_id"),
        number_asked(request, "before_line"),
        PAGE_ROWS,
    )
    if told["next"] is None:
        return told["wallets"], ""
    further = with_query(
        "console/wallets",
        asset=asset,
        as_of=told["as_of"],
        before_id=told["next"]["id"],
        before_line=told["next"]["line"],
    )
    return told["wallets"], further
