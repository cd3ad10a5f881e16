"""Give back what a transaction charged, whole or in part."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome, PrincipalClass


async def refund(
    calls: Calls,
    *,
    transaction_id: int,
    amount: int | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> Outcome:
    """Return `amount` minor units of a transaction, by default all that is left of it.

    The refund is a new transaction that names the one it corrects; all refunds of a transaction
    together never exceed what it charged. What its payee no longer has becomes the payee's debt.

    `reason` is a text of at most 200 characters, by default the verb; `metadata` is kept with the
    transaction. `key` makes the request repeatable: the same key answers the same outcome and is
    carried out once; without one the engine mints one. `principal` is the class the key belongs to,
    `actor` who is journaled.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, TRANSACTION_NOT_FOUND,
    NOT_REFUNDABLE, REFUND_EXCEEDED, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        transaction_id=transaction_id,
        amount=amount,
        reason=reason,
        metadata=metadata,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("refund", request))
