"""Boost a post: its author pays for it to stand above the others for a day."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


class Boost(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a boost; `boosted_until` is when it ends."""

    post_id: str | None = None
    boosted_until: str | None = None


async def boost_post(
    calls: Calls,
    *,
    post_id: str,
    user_id: str,
    caller: Mapping[str, str | None] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Boost:
    """Boost the post `post_id` of `user_id` for a day, after the boost it has already.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH,
    POST_NOT_FOUND, PENALTY_ACTIVE, BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        post_id=post_id,
        user_id=user_id,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("boost_post", request), Boost)
