"""Take an event of RevenueCat: into the inbox, with its effect, in one transaction."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.model import Outcome


class StoreEvent(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """What became of an event: `effect` is applied, ignored, or queued until claims are opened."""

    event_id: str | None = None
    type: str | None = None
    effect: str | None = None
    tx_id: str | None = None
    purchase_status: str | None = None


async def take_store_event(
    calls: Calls, *, event: Mapping[str, Any], queued: bool = False, actor: str | None = None
) -> StoreEvent:
    """Take an `event` as RevenueCat sent it; whoever calls has verified who sent it.

    What follows depends on the set of a transaction's events and on the store's clock in them,
    never on their order here. A known event answers its first outcome, marked as a replay.
    `queued` marks an event that was kept earlier and is carried out now.

    Refused, in this order: DEGRADED, MALFORMED, BUSY, WALLET_CLOSED. Raises `OutcomeUnknown` when
    the answer was lost, `Fault` when something failed; the event may be sent again after either.
    """
    request = request_of(event=dict(event), queued=queued or None, actor=actor)
    return typed(await calls.call("take_store_event", request), StoreEvent)
