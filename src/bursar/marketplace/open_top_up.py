"""Note that a workspace is about to buy credits by card."""

from typing import Literal

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import TopUp
from bursar.model import PrincipalClass


async def open_top_up(
    calls: Calls,
    *,
    workspace_id: str,
    credits: int,  # noqa: A002 - what the asset's unit is called
    mode: Literal["live", "test"] | None = None,
    key: str | None = None,
    principal: PrincipalClass = "service",
    actor: str | None = None,
) -> TopUp:
    """Open a top-up of whole `credits`; they come when the card company says they were paid.

    `mode` says whether live or test money is to come; without it the database's `bursar.card_mode`.

    Refused, in this order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH. Raises `OutcomeUnknown` when
    the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        workspace_id=workspace_id,
        credits=credits,
        mode=mode,
        key=key,
        principal=principal,
        actor=actor,
    )
    return typed(await calls.call("open_top_up", request), TopUp)
