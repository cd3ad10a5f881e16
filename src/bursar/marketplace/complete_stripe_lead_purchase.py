"""Record that a card purchase was paid, and complete it."""

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import LeadPurchase


async def complete_stripe_lead_purchase(
    calls: Calls, *, purchase_id: str, payment_intent: str, actor: str | None = None
) -> LeadPurchase:
    """Complete a purchase whose payment its caller knows of otherwise than by a webhook.

    `payment_intent` is the card company's id of the payment. It counts as an event like any other:
    told twice, or told by the webhook as well, it completes the purchase once.

    Refused, in this order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, EXTERNAL_ID_TAKEN (it paid for
    something else), BUSY, WALLET_CLOSED. Raises `OutcomeUnknown` when the answer was lost, `Fault`
    when something failed.
    """
    request = request_of(purchase_id=purchase_id, payment_intent=payment_intent, actor=actor)
    return typed(await calls.call("complete_stripe_lead_purchase", request), LeadPurchase)
