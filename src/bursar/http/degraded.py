"""`/v1/degraded`: pause every change and let them go on, for whoever runs the service."""

from typing import Annotated, Any

import msgspec

from bursar.http.calls import Ledger
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import decode
from bursar.http.postgrest_request import refuse_other_media
from bursar.http.problem import refused
from bursar.http.route import Route
from bursar.ops.degraded import switch

# A request is bounded in time; whoever wants to wait longer asks again.
WAIT_SECONDS_MAX = 20
_encode = msgspec.json.Encoder().encode
_STATUSES = (401, 403, 413, 415, 422, 503)
_GATE = {
    "type": "object",
    "required": ["degraded", "reason", "changed_by", "changed_at", "writers"],
    "properties": {
        "degraded": {"type": "boolean"},
        "acknowledged": {"type": "boolean"},
        "reason": {"type": "string"},
        "changed_by": {"type": "string"},
        "changed_at": {"type": ["string", "null"]},
        "writers": {"type": "array", "items": {"type": "object"}},
    },
}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked: whether changes pause, why, and how long to wait for writers, in seconds."""

    degraded: bool
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    wait_seconds: Annotated[float, msgspec.Meta(ge=0, le=WAIT_SECONDS_MAX)] = 10


_decoder = msgspec.json.Decoder(Body)


class Degraded:
    """The switch over HTTP. It is no change in its own sense, so it works while changes pause."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def routes(self) -> list[Route]:
        """Return the routes of the switch."""
        address = "/v1/degraded"
        return [
            Route(
                "GET",
                address,
                self.show,
                "read_gate",
                "v1",
                "Whether changes are paused, and who may still write",
                answer=_GATE,
                statuses=_STATUSES,
                tags=("Operation",),
            ),
            Route(
                "POST",
                address,
                self.switch,
                "set_degraded",
                "v1",
                "Pause every change, or let them go on",
                "`acknowledged` is true once no writer that began before is still open; `writers`"
                " names those that are. For the service role alone.",
                body=Body,
                body_example={"degraded": False, "reason": "there is room on the disk again"},
                answer=_GATE,
                statuses=_STATUSES,
                tags=("Operation",),
            ),
        ]

    async def show(self, exchange: Exchange) -> Answer:
        """Answer how the gate stands."""
        if not exchange.principal.is_service:
            raise refused("NOT_AUTHORIZED")
        gate: dict[str, Any] = await self._ledger.read("read_gate")
        gate["writers"] = await self._ledger.read("read_writers")
        return Answer(200, _encode(gate))

    async def switch(self, exchange: Exchange) -> Answer:
        """Pause changes or let them go on."""
        if not exchange.principal.is_service:
            raise refused("NOT_AUTHORIZED")
        refuse_other_media(exchange)
        body = decode(_decoder, await exchange.body())
        switched = await switch(
            self._ledger,
            on=body.degraded,
            reason=body.reason,
            actor=exchange.principal.actor,
            wait_seconds=body.wait_seconds,
        )
        return Answer(200, _encode(switched.as_data()))
