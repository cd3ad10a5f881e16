"""End a job: it is completed, or its credit is given back; once, whatever comes late."""

from collections.abc import Mapping
from typing import Any, Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome

Result = Literal["completed", "failed", "cancelled", "expired"]


class Ended(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """What came of it.

    `effect` is completed or refunded where this call ended the job; refund_refused where the ledger
    would not give the credit back, which is tried again later; unchanged, duplicate_answer,
    late_success or late_failure where the job had ended. `message` says it in words.
    """

    job_id: str | None = None
    effect: str | None = None
    job_status: str | None = None
    reason: str | None = None
    price: int | None = None
    refunded: int | None = None


async def end_generation(
    calls: Calls,
    *,
    job_id: str,
    result: Result,
    lease: str | None = None,
    price: int | None = None,
    output: Mapping[str, Any] | None = None,
    provider: str | None = None,
    provider_reference: str | None = None,
    error: str | None = None,
    reason: str | None = None,
    caller: Mapping[str, str] = SERVICE,
    actor: str | None = None,
) -> Ended:
    """Say what came of the job `job_id`.

    `price` is what it came to, in whole credits; what was set aside is charged where it is left
    out. `lease` is that of the attempt: a failure of an attempt that was given up on ends nothing.
    `output` is what the user reads of the result. A user may cancel their own job; "expired" gives
    a job up that is due for it.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, JOB_NOT_FOUND, BUSY, JOB_ENDED.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        job_id=job_id,
        result=result,
        lease=lease,
        price=price,
        output=None if output is None else dict(output),
        provider=provider,
        provider_reference=provider_reference,
        error=error,
        reason=reason,
        caller=dict(caller),
        actor=actor,
    )
    return typed(await calls.call("end_generation", request), Ended)
