"""Give a deduction back that no job came of."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def refund_credit(
    calls: Calls,
    *,
    user_id: str,
    deduction: int | None = None,
    reason: str | None = None,
    caller: Mapping[str, str] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Give `user_id` the oldest deduction back that has no running, completed or refunded job.

    The service may name the `deduction` by its transaction; it then is that one or none.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, BUSY,
    NOTHING_TO_REFUND, WALLET_CLOSED, BALANCE_LIMIT.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        user_id=user_id,
        deduction=deduction,
        reason=reason,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("refund_credit", request))
