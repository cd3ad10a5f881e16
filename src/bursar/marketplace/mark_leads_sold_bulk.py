"""Mark the leads of a paid purchase as sold."""

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import LeadPurchase


async def mark_leads_sold_bulk(
    calls: Calls, *, purchase_id: str, actor: str | None = None
) -> LeadPurchase:
    """Sell the leads of a purchase that was paid; one that has them already is answered as it is.

    It settles a payment whose event came while a seller's wallet was closed, and serves callers of
    the older way in steps.

    Refused, in this order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, NOT_PAID, BUSY, WALLET_CLOSED.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(purchase_id=purchase_id, actor=actor)
    return typed(await calls.call("mark_leads_sold_bulk", request), LeadPurchase)
