"""Bring a user's shields to what their claims, uses and refunds come to."""

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def correct_shields(
    calls: Calls,
    *,
    user_id: str,
    reason: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Correct a wallet by what it differs from its claims, found under the wallet's lock.

    Used shields stay used. Where nothing differs, the amount is 0 and there is no entry.

    Refused, in this order: DEGRADED, MALFORMED, BUSY, WALLET_NOT_FOUND, WALLET_CLOSED,
    BALANCE_LIMIT. Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(user_id=user_id, reason=reason, principal=principal, actor=actor)
    return typed(await calls.call("correct_shields", request))
