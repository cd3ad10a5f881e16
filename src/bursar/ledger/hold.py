"""Set an amount aside until it is captured, released or expires."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def hold(
    calls: Calls,
    *,
    owner_id: str,
    asset: str,
    amount: int,
    expires_in_seconds: int | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Set `amount` minor units of `asset` aside in the wallet; the outcome has its `hold_id`.

    The hold expires by itself after `expires_in_seconds`, by default 3600 and at most 86400.

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
        expires_in_seconds=expires_in_seconds,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("hold", request))
