"""`POST /api/webhooks/revenuecat`: what was bought, refunded and transferred in the stores.

RevenueCat takes 200 alone for an answer that it was received. It tries five times within some two
and a half hours, and then never again. So 200 is the answer once the event is on a disk of ours:
in the inbox, or in the spool while the database is away; and not before.
"""

import time
from typing import Any

import msgspec

from bursar.claims.revenuecat_event import EventRefused, check_sender, read_event
from bursar.http.durable import EVENT, DurableLedger
from bursar.http.exchange import Answer, Exchange
from bursar.http.problem import ProblemError, of_refusal
from bursar.http.route import Route
from bursar.settings import Settings

# Events are a few thousand bytes; larger than this they are not RevenueCat's.
BODY_BYTES_MAX = 512 * 1024
_STATUS = {"NOT_CONFIGURED": 503, "UNAUTHENTICATED": 401, "MALFORMED": 400}
_TOLD = ("effect", "tx_id", "purchase_status")
_encode = msgspec.json.Encoder().encode


class RevenueCatWebhook:
    """The door for RevenueCat's events."""

    def __init__(self, durable: DurableLedger, settings: Settings) -> None:
        self._durable = durable
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the one route of this door. It is open while changes are paused."""
        return [
            Route(
                "POST",
                "/api/webhooks/revenuecat",
                self.take,
                EVENT,
                "signed",
                "Take an event of a purchase in a store",
                "For RevenueCat, which sends the Authorization header that its dashboard was told,"
                " and a signature where that is turned on. An event takes effect once, however"
                " often and in whatever order events arrive; types that nobody knows are kept."
                " While claims are queued, changes are paused or the database is away it is kept,"
                " and takes effect later: `effect` says so.",
                body={"type": "object"},
                body_example={
                    "api_version": "1.0",
                    "event": {"id": "1", "type": "TEST", "event_timestamp_ms": 1790000000000},
                },
                answer={
                    "type": "object",
                    "required": ["received", "effect"],
                    "properties": {
                        "received": {"const": True},
                        "event_id": {"type": "string"},
                        "type": {"type": "string"},
                        "effect": {"type": "string"},
                        "code": {"type": "string"},
                        "tx_id": {"type": "string"},
                        "purchase_status": {"type": "string"},
                    },
                },
                parameters=("revenuecat_authorization", "revenuecat_signature"),
                statuses=(401, 500),
                tags=("Shop",),
            )
        ]

    async def take(self, exchange: Exchange) -> Answer:
        """Believe the event or refuse it, store it, and let it take effect."""
        exchange.refuse_repeated_headers()
        exchange.body_bytes_max = min(exchange.body_bytes_max, BODY_BYTES_MAX)
        body = await exchange.body()
        try:
            check_sender(exchange.headers, body, self._settings, time.time())
            event = read_event(body)
        except EventRefused as refused:
            raise ProblemError(_STATUS[refused.code], refused.code, refused.sentence) from None
        # Whose it is decides in which line it waits, so that a locked wallet is in nobody's way.
        user = event.get("app_user_id")
        whose = {"user_id": user} if isinstance(user, str) else {}
        outcome = await self._durable.take_event({"event": event, **whose})
        if outcome is None:
            return _received(event, {"effect": "spooled"}, "done")
        code = "done" if outcome.get("status") == "done" else str(outcome.get("code", "FAULT"))
        if code != "done":
            details = outcome.get("details") or {}
            # A refusal that names the event came after the inbox; any other one is not stored.
            if code == "MALFORMED":
                raise ProblemError(400, code, f"{details.get('field')} cannot be read.", details)
            if "event_id" not in details:
                raise of_refusal(outcome)
            outcome = {"effect": "refused"}
        return _received(event, outcome, code)


def _received(event: dict[str, Any], outcome: dict[str, Any], code: str) -> Answer:
    """Answer that the event is stored, and what came of it."""
    body = {"received": True, "event_id": event["id"], "type": event["type"]}
    body |= {name: outcome[name] for name in _TOLD if outcome.get(name) is not None}
    if code != "done":
        body["code"] = code
    headers = [(b"idempotent-replayed", b"true")] if outcome.get("replayed") else []
    return Answer(200, _encode(body), headers, code=code)
