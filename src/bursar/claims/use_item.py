"""Use an item, for instance a shield: an entry like any other."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def use_item(
    calls: Calls,
    *,
    user_id: str,
    asset: str = "streak_shield",
    amount: int = 1,
    reason: str | None = None,
    caller: Mapping[str, str] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Use `amount` whole items of `asset` that `user_id` has.

    Refused, in this order: DEGRADED, NOT_AUTHORIZED, MALFORMED, IDEMPOTENCY_MISMATCH,
    ASSET_NOT_FOUND, BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        user_id=user_id,
        asset=asset,
        amount=amount,
        reason=reason,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("use_item", request))
