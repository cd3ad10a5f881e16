"""Buy a reward: charge the collector, credit the creator, record the collection, all or nothing."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome, PrincipalClass


class Purchase(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a purchase: also which reward, and the price that was paid for it."""

    reward_id: str | None = None
    collector_id: str | None = None
    price: int | None = None

    def or_raise(self) -> "Purchase":
        """Return this purchase if it is done; raise it as `Refused` otherwise."""
        super().or_raise()
        return self


async def purchase_reward(
    calls: Calls,
    *,
    reward_id: str,
    collector_id: str,
    expected_price: int | None = None,
    caller: Mapping[str, str] = SERVICE,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Purchase:
    """Buy `reward_id` for `collector_id` at its price, in whole credits.

    The client says what it buys, never what it costs; a price other than `expected_price`, when
    given, is refused. `caller` is who asks: the service role for anybody, others for themselves.
    `key` makes the request repeatable: the same key answers the same outcome and charges once;
    without one the engine mints one.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH,
    REWARD_NOT_FOUND, SELF_PURCHASE, ALREADY_COLLECTED, REWARD_INACTIVE, PRICE_CHANGED, BUSY,
    WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, BALANCE_LIMIT.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        reward_id=reward_id,
        collector_id=collector_id,
        expected_price=expected_price,
        caller=dict(caller),
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("purchase_reward", request), Purchase)
