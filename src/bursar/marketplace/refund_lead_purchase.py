"""Give the credits of a purchase back, and put its leads on sale again."""

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import LeadPurchase
from bursar.model import PrincipalClass


async def refund_lead_purchase(
    calls: Calls,
    *,
    purchase_id: str,
    reason: str | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> LeadPurchase:
    """Refund a whole purchase that was made for credits; sellers' shortfalls become debt.

    A purchase by card is refunded at the card company, whose event does the rest.

    Refused, in this order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, IDEMPOTENCY_MISMATCH, BUSY,
    NOT_REFUNDABLE, REFUND_EXCEEDED, WALLET_CLOSED, BALANCE_LIMIT. Raises `OutcomeUnknown` when the
    answer was lost, `Fault` when something failed.
    """
    request = request_of(
        purchase_id=purchase_id, reason=reason, key=key, principal=principal, actor=actor
    )
    return typed(await calls.call("refund_lead_purchase", request), LeadPurchase)
