"""Open, freeze or close a wallet."""

from collections.abc import Mapping
from typing import Any, Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def freeze(
    calls: Calls,
    *,
    owner_id: str,
    asset: str,
    wallet_status: Literal["open", "frozen", "closed"] = "frozen",
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Set the status of `owner_id`'s wallet of `asset`.

    A frozen wallet refuses to pay until it is opened again; a wallet is closed only when it is
    empty.

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
    WALLET_NOT_FOUND, WALLET_NOT_EMPTY.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        owner_id=owner_id,
        asset=asset,
        wallet_status=wallet_status,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("freeze", request))
