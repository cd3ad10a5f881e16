"""Take a job's price in advance, as apps do that deduct first and submit then."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def deduct_credit(
    calls: Calls,
    *,
    user_id: str,
    product: str = "image",
    rate_limit_seconds: int | None = None,
    caller: Mapping[str, str] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Take the price of `product` from `user_id`; the next job that they submit takes it over.

    `rate_limit_seconds` is how long ago the last turn must be; by default the product says so.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH,
    PRODUCT_NOT_FOUND, BUSY, WALLET_NOT_FOUND, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS,
    RATE_LIMITED. Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        user_id=user_id,
        product=product,
        rate_limit_seconds=rate_limit_seconds,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("deduct_credit", request))
