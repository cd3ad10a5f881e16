"""Take an event of Stripe: into the inbox, with its effect, in one transaction."""

from collections.abc import Mapping
from typing import Any

from bursar.ledger.answer import typed
from bursar.ledger.calls import Calls, request_of
from bursar.marketplace.receipt import CardEvent


async def take_stripe_event(
    calls: Calls, *, event: Mapping[str, Any], actor: str | None = None
) -> CardEvent:
    """Take an `event` as Stripe sent it; whoever calls has verified its signature.

    What follows depends on the set of a payment's events alone, whatever their order and however
    often they come. An event that is known already answers its first outcome, marked as a replay.

    Refused, in this order: DEGRADED, MALFORMED, BUSY, WALLET_CLOSED. Raises `OutcomeUnknown` when
    the answer was lost, `Fault` when something failed; the event may be sent again after either.
    """
    request = request_of(event=dict(event), actor=actor)
    return typed(await calls.call("take_stripe_event", request), CardEvent)
