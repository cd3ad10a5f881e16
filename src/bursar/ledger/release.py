"""Give back what a hold set aside."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def release(
    calls: Calls,
    *,
    hold_id: int,
    amount: int | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Make `amount` minor units of a hold, by default all that is left, available again.

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, HOLD_NOT_FOUND, HOLD_ENDED,
    HOLD_EXCEEDED, BUSY.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        hold_id=hold_id,
        amount=amount,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("release", request))
