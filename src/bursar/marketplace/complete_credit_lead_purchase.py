"""Buy a cart of leads for credits: charge, pay the sellers, mark the leads, all or nothing."""

from collections.abc import Mapping, Sequence

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import LeadPurchase
from bursar.model import PrincipalClass


async def complete_credit_lead_purchase(
    calls: Calls,
    *,
    buyer_workspace_id: str,
    lead_ids: Sequence[str],
    expected_prices: Mapping[str, int] | None = None,
    allow_partial: bool = False,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> LeadPurchase:
    """Buy 1 to 500 leads for a workspace, in one transaction and one round trip.

    The client says what it buys, never what it costs; where a lead's price is not the one in
    `expected_prices` (whole credits by lead), it is refused. With `allow_partial` what is still
    free is bought, and `conflicts` tells the rest. `key` makes the request repeatable.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, RATE_LIMITED,
    PURCHASE_CONFLICT, PRICE_CHANGED, BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS,
    BALANCE_LIMIT. Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        buyer_workspace_id=buyer_workspace_id,
        lead_ids=list(lead_ids),
        expected_prices=dict(expected_prices) if expected_prices else None,
        allow_partial=allow_partial or None,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("complete_credit_lead_purchase", request), LeadPurchase)
