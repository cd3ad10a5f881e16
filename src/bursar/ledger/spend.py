"""Charge a wallet: the other side is the asset's revenue."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def spend(
    calls: Calls,
    *,
    owner_id: str,
    asset: str,
    amount: int,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Take `amount` minor units of `asset` from `owner_id`'s wallet, if that much is available.

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
    WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        owner_id=owner_id,
        asset=asset,
        amount=amount,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("spend", request))
