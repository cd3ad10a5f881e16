"""`POST /api/webhooks/stripe`: events of card payments, believed by their signature alone.

Stripe sends an event again until it is answered with a 2xx. So that is the answer once the event is
in the inbox and not before, also while changes are paused; and what is not stored is not received.
"""

import time
from typing import Any

import msgspec

from bursar.http.calls import Ledger
from bursar.http.exchange import Answer, Exchange
from bursar.http.marketplace_bodies import camel
from bursar.http.problem import ProblemError, of_refusal
from bursar.http.route import Route
from bursar.ledger.parcel import mint_key
from bursar.marketplace.card_event import EventRefused, read_event
from bursar.ops.monitor.series import CARD_PURCHASE
from bursar.settings import Settings

# Events are a few thousand bytes; larger than this they are not Stripe's.
BODY_BYTES_MAX = 512 * 1024
VERB = "take_stripe_event"
_encode = msgspec.json.Encoder().encode
# A card purchase is counted when it has ended, by the event that ended it, as what became of it.
_ENDING = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
_ENDED = {"completed": "done", "failed": "PAYMENT_FAILED", "expired": "EXPIRED"}
_TOLD = ("effect", "payment_id", "payment_status", "purchase_id", "purchase_status")


class StripeWebhook:
    """The door for Stripe's events."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings

    def routes(self) -> list[Route]:
        """Return the one route of this door. It is open while changes are paused."""
        return [
            Route(
                "POST",
                "/api/webhooks/stripe",
                self.take,
                VERB,
                "signed",
                "Take an event of a card payment",
                "For Stripe. The raw body is signed in `Stripe-Signature`; one signature of any"
                " configured secret is enough, and its time may be off by"
                " `BURSAR_STRIPE_TOLERANCE_SECONDS` either way. An event takes effect once, however"
                " often and in whatever order events arrive. While changes are paused it is kept,"
                " and takes effect later.",
                body={"type": "object"},
                body_example={"id": "evt_1", "object": "event", "type": "charge.refunded"},
                answer={
                    "type": "object",
                    "required": ["received", "effect"],
                    "properties": {
                        "received": {"const": True},
                        "eventId": {"type": "string"},
                        "type": {"type": "string"},
                        "effect": {"type": "string"},
                        "code": {"type": "string"},
                        "paymentId": {"type": "string"},
                        "paymentStatus": {"type": "string"},
                        "purchaseId": {"type": "string"},
                        "purchaseStatus": {"type": "string"},
                    },
                },
                parameters=("signature",),
                statuses=(422,),
                tags=("Marketplace",),
            )
        ]

    async def take(self, exchange: Exchange) -> Answer:
        """Believe the event or refuse it, store it, and let it take effect."""
        exchange.body_bytes_max = min(exchange.body_bytes_max, BODY_BYTES_MAX)
        body = await exchange.body()
        signature = exchange.header(b"stripe-signature")
        try:
            event = read_event(body, signature, self._settings, time.time())
        except EventRefused as refused:
            raise ProblemError(400, refused.code, refused.sentence) from None
        outcome = await self._ledger.call(VERB, {"event": event, "key": mint_key()})
        code = "done" if outcome.get("status") == "done" else str(outcome.get("code", "FAULT"))
        if code == "DEGRADED":
            kept = await self._ledger.read("keep_event", _encode(event).decode())
            if kept.get("status") != "done":
                raise of_refusal(kept)
            return _received(event, kept, code)
        if code != "done":
            details = outcome.get("details") or {}
            # A refusal that names the event came after the inbox; any other one is not stored.
            if "event_id" not in details:
                raise of_refusal(outcome)
            outcome = {**details, "effect": "refused"}
        return _received(event, outcome, code)


def _received(event: dict[str, Any], outcome: dict[str, Any], code: str) -> Answer:
    """Answer that the event is stored, and what came of it."""
    body = {"received": True, "event_id": event["id"], "type": event["type"]}
    body |= {name: outcome[name] for name in _TOLD if outcome.get(name) is not None}
    if code != "done":
        body["code"] = code
    replayed = bool(outcome.get("replayed"))
    headers = [(b"idempotent-replayed", b"true")] if replayed else []
    answer = Answer(200, _encode(camel(body)), headers, code=code)
    ended = _ended(event, outcome)
    if ended is not None and not replayed:
        answer.counted = [(VERB, code, False), (CARD_PURCHASE, ended, False)]
    return answer


def _ended(event: dict[str, Any], outcome: dict[str, Any]) -> str | None:
    """Return what became of a card purchase that this event ended, if it did."""
    if event["type"] not in _ENDING:
        return None
    ended = _ENDED.get(str(outcome.get("purchase_status")))
    if ended == "PAYMENT_FAILED" and outcome.get("payment_status") in ("paid", "refunded"):
        return "GONE"  # The money came, and nothing of the cart was left.
    return ended
