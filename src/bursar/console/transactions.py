"""Transactions: what happened, newest first, and each with both its sides."""

import json
from typing import Any

from litestar import Response, get

from bursar.console.asked import (
    PAGE_ROWS,
    number_asked,
    text_asked,
    transaction_page,
    wallet_page,
    with_query,
)
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.http.problem import ProblemError

# Offered beside those on the page; any other can be typed.
_VERBS = ("adjust", "capture", "grant", "hold", "purchase_reward", "refund", "release", "spend")
_SYSTEM = "system:"


@get("/transactions", include_in_schema=False)
async def transactions(request: AnyRequest) -> Response[str]:
    """Serve a page of transactions, of one verb if it is asked for."""
    verb, before = text_asked(request, "verb"), number_asked(request, "before")
    told = await ledger_of(request).read("list_transactions", verb or None, before, PAGE_ROWS)
    found = told["transactions"]
    return page(
        request,
        "transactions.html",
        verb=verb,
        verbs=sorted({*_VERBS, *(one["verb"] for one in found)}),
        transactions=[(transaction_page(one["id"]), one) for one in found],
        older=_list(verb, told["next"]) if told["next"] is not None else "",
        newest=_list(verb) if before is not None else "",
    )


def _list(verb: str, before: int | None = None) -> str:
    return with_query("console/transactions", verb=verb, before=before)


@get("/transaction", include_in_schema=False)
async def transaction(request: AnyRequest) -> Response[str]:
    """Serve one transaction: its entries, what it corrects, and whether it can be refunded."""
    ledger = ledger_of(request)
    number = number_asked(request, "id")
    found = None if number is None else await ledger.read("read_transaction", number)
    if found is None:
        raise ProblemError(404, "TRANSACTION_NOT_FOUND", "There is no transaction of this number.")
    return page(
        request,
        "transaction.html",
        transaction=found,
        entries=[(_side(entry), entry) for entry in found["entries"]],
        owner_at=_side(found),
        related=_related(found),
        metadata=_metadata(found["metadata"]),
        refund=await ledger.read("plan_refund", number),
        refund_at=with_query("console/do/refund", transaction_id=number),
    )


def _side(entry: dict[str, Any]) -> str:
    """Return where the wallet of an entry is shown; system wallets and debts have no page."""
    if entry["owner_id"].startswith(_SYSTEM):
        return ""
    return wallet_page(entry["owner_id"], entry["asset"].removesuffix(":owed"))


def _related(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return what this transaction corrects and what corrects it: words, address, number."""
    corrects = [] if found["corrects"] is None else [("It corrects", found["corrects"])]
    corrected = [("It is corrected by", other) for other in found["corrected_by"]]
    return [(words, transaction_page(other), other) for words, other in (*corrects, *corrected)]


def _metadata(metadata: object) -> str:
    return "" if not metadata else json.dumps(metadata, indent=2, ensure_ascii=False)
