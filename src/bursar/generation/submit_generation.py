"""Submit a job: its price is set aside and the job is queued, in one transaction."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


class Submitted(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of submitting a job.

    `hold_id` is what was set aside for it, `deduction` the transaction of an open deduction that
    it took over; it has one of them, or both.
    """

    job_id: str | None = None
    job_status: str | None = None

    deduction: int | None = None


async def submit_generation(
    calls: Calls,
    *,
    user_id: str,
    input: Mapping[str, Any],  # noqa: A002 (the field's name)
    product: str = "image",
    rate_limit_seconds: int | None = None,
    caller: Mapping[str, str] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Submitted:
    """Queue a job of `product` for `user_id`; `input` goes to the provider, at most 16 KB of it.

    An open deduction of the user is taken over, with its turn; what it does not cover is held.
    `rate_limit_seconds` is how long ago the last turn must be; by default the product says so.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH,
    PRODUCT_NOT_FOUND, BUSY, WALLET_NOT_FOUND, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS,
    RATE_LIMITED. Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        user_id=user_id,
        input=dict(input),
        product=product,
        rate_limit_seconds=rate_limit_seconds,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("submit_generation", request), Submitted)
