"""One wallet: what it holds, how it came to that, and its statement."""

import json
from collections.abc import Sequence
from typing import Any

from litestar import Response, get

from bursar.console.asked import PAGE_ROWS, number_asked, text_asked, wallet_page, with_query
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.console.trace import disagreements, trace_of
from bursar.http.problem import ProblemError
from bursar.pages.words import moment

# The plot shows the latest entries; the statement has them all.
PLOT_ENTRIES = 500
# `explain` reads every entry. Beyond so many it is asked for by hand.
EXPLAINED_ENTRIES_MAX = 20_000


@get("/wallet", include_in_schema=False)
async def wallet(request: AnyRequest) -> Response[str]:
    """Serve a wallet: its balance, why it is that, its open holds and its statement."""
    ledger = ledger_of(request)
    owner_id, asset = text_asked(request, "owner_id"), text_asked(request, "asset")
    found = await ledger.read("read_wallet", owner_id, asset) if owner_id and asset else None
    if found is None:
        raise ProblemError(404, "WALLET_NOT_FOUND", "There is no wallet of this owner and asset.")
    owner_id = found["owner_id"]
    before = number_asked(request, "before")
    latest = await ledger.read("read_statement", owner_id, asset, None, PLOT_ENTRIES)
    entries = latest[: PAGE_ROWS + 1]
    if before is not None:
        entries = await ledger.read("read_statement", owner_id, asset, before, PAGE_ROWS + 1)
    here = wallet_page(owner_id, asset)
    told = None
    if found["seq"] <= EXPLAINED_ENTRIES_MAX or text_asked(request, "explain"):
        told = await ledger.read("explain", owner_id, asset, 1)
    return page(
        request,
        "wallet.html",
        wallet=told or found,
        trace=trace_of(told) if told else [],
        disagreements=disagreements(told) if told else [],
        is_explained=told is not None,
        explain_at=with_query("console/wallet", owner_id=owner_id, asset=asset, explain="yes"),
        holds=await ledger.read("list_open_holds", owner_id, asset, PAGE_ROWS),
        points=_points(latest),
        latest=latest,
        entries=entries[:PAGE_ROWS],
        older=_older(owner_id, asset, entries),
        newest=here if before is not None else "",
        given=with_query("", owner_id=owner_id, asset=asset),
    )


def _older(owner_id: str, asset: str, entries: Sequence[dict[str, Any]]) -> str:
    if len(entries) <= PAGE_ROWS:
        return ""
    last = entries[PAGE_ROWS - 1]["seq"]
    return with_query("console/wallet", owner_id=owner_id, asset=asset, before=last) + "#statement"


def _points(latest: Sequence[dict[str, Any]]) -> str:
    """Return times, in seconds since 1970, and balances after them, oldest first, as JSON."""
    oldest_first = latest[::-1]
    times = [_seconds(entry["created_at"]) for entry in oldest_first]
    return json.dumps([times, [entry["balance_after"] for entry in oldest_first]])


def _seconds(created_at: str) -> float:
    at = moment(created_at)
    return round(at.timestamp(), 3) if at else 0.0
