"""Take what a hold set aside, whole or in parts."""

from collections.abc import Mapping
from typing import Any, Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def capture(
    calls: Calls,
    *,
    hold_id: int,
    amount: int | None = None,
    over_run: Literal["reject", "cap", "overdraft"] | None = None,
    final: bool | None = None,
    to_owner_id: str | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Charge `amount` minor units, by default all that is left, to the hold `hold_id`.

    More than is left is refused (`over_run="reject"`, the default), cut to what is left ("cap"), or
    taken beyond it as a separate spend that may become debt ("overdraft"). A `final` capture, the
    default, releases the rest; otherwise the hold goes on. `to_owner_id` is paid instead of the
    asset's revenue.

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, HOLD_NOT_FOUND, HOLD_ENDED,
    HOLD_EXCEEDED, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        hold_id=hold_id,
        amount=amount,
        over_run=over_run,
        final=final,
        to_owner_id=to_owner_id,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("capture", request))
