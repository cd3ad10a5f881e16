"""Add credits to a wallet: the other side is the asset's issuance."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def grant(
    calls: Calls,
    *,
    owner_id: str,
    asset: str,
    amount: int,
    bucket: str | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    external: Mapping[str, str] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Add `amount` minor units of `asset` to `owner_id`'s wallet, which is made if it is missing.

    `external` names the payment or store transaction that is being credited: `provider`, `account`,
    `mode` ("live" or "test") and `id`. One such transaction is credited once, for ever.

    `bucket` says what kind of credits they are in statements, such as "purchased".

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, EXTERNAL_ID_TAKEN,
    ASSET_NOT_FOUND, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        owner_id=owner_id,
        asset=asset,
        amount=amount,
        bucket=bucket,
        reason=reason,
        metadata=metadata,
        external=external,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("grant", request))
