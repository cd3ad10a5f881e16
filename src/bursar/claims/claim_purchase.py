"""Claim what was bought in a store: once, by whoever bought it, within its caps."""

from collections.abc import Mapping
from typing import Any, Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome


class Claim(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a claim.

    `wallet` has the user's `streakshield_count` and `xp_booster_until` right after it. `queued`
    says that the claim was accepted and waits: for "opening" of the queue, or for the "purchase"
    that the store has not told of yet.
    """

    tx_id: str | None = None
    sku: str | None = None
    user_id: str | None = None
    claimed_at: str | None = None
    wallet: dict[str, Any] | None = None
    queued: Literal["opening", "purchase"] | None = None


async def claim_purchase(
    calls: Calls,
    *,
    user_id: str,
    sku: str,
    tx_id: str,
    store: str | None = None,
    environment: Literal["PRODUCTION", "SANDBOX"] | None = None,
    override_reason: str | None = None,
    queued: bool = False,
    caller: Mapping[str, str] = SERVICE,
    actor: str | None = None,
) -> Claim:
    """Claim the purchase `tx_id` of `sku` for `user_id`; claim and grant are one transaction.

    The transaction is its own key: the same claim by the same user again answers the first
    outcome, for ever. `override_reason` is an operator's, to grant beyond caps and switches.
    `queued` marks a claim that was accepted earlier and is carried out now.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, TRANSACTION_OWNED_BY_OTHER,
    TRANSACTION_REFUNDED, SKU_DISABLED, UNKNOWN_TRANSACTION, BOOSTER_ACTIVE, CAP_EXCEEDED, BUSY,
    WALLET_CLOSED, BALANCE_LIMIT. Raises `OutcomeUnknown` when the answer was lost, `Fault` when
    something failed.
    """
    request = request_of(
        user_id=user_id,
        sku=sku,
        tx_id=tx_id,
        store=store,
        environment=environment,
        override_reason=override_reason,
        queued=queued or None,
        caller=dict(caller),
        actor=actor,
    )
    return typed(await calls.call("claim_purchase", request), Claim)
