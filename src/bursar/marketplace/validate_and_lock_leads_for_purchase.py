"""Reserve a cart of leads for a payment by card."""

from collections.abc import Mapping, Sequence
from typing import Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import LeadPurchase
from bursar.model import PrincipalClass


async def validate_and_lock_leads_for_purchase(
    calls: Calls,
    *,
    buyer_workspace_id: str,
    lead_ids: Sequence[str],
    expected_prices: Mapping[str, int] | None = None,
    allow_partial: bool = False,
    reserve_seconds: int | None = None,
    mode: Literal["live", "test"] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> LeadPurchase:
    """Reserve 1 to 500 leads for a workspace, for `reserve_seconds` (60 to 172800).

    A lock would die with its transaction; a reservation holds until its time is over, the purchase
    is completed, or it is let go. Nothing is charged. `mode` says whether live or test money is to
    come; without it the database's `bursar.card_mode` does. A reservation of one's own that shares
    a lead is given up for the new one.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, RATE_LIMITED,
    PURCHASE_CONFLICT, PRICE_CHANGED, BUSY. Raises `OutcomeUnknown` when the answer was lost,
    `Fault` when something failed.
    """
    request = request_of(
        buyer_workspace_id=buyer_workspace_id,
        lead_ids=list(lead_ids),
        expected_prices=dict(expected_prices) if expected_prices else None,
        allow_partial=allow_partial or None,
        reserve_seconds=reserve_seconds,
        mode=mode,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("validate_and_lock_leads_for_purchase", request), LeadPurchase)
