"""Events as they arose, and what became of each on its way to the webhook."""

import time
from typing import Any, Literal

import msgspec

from bursar.stand_ins.stripe.api_error import no_such
from bursar.stand_ins.stripe.book import Thing, new_id

EVENTS_MAX = 5000
# The version whose shapes the objects have.
API_VERSION = "2026-10-28.endive"

Status = Literal["waiting", "held", "dropped", "delivered", "failed"]


class Posting(msgspec.Struct, kw_only=True):
    """An event on its way.

    `body` is what is posted, the same bytes every time. `attempts` counts what was posted, and
    `deliveries` what was answered with 2xx. An event is `waiting` until its first delivery, `held`
    to be shuffled with others, `dropped` by order, or `failed` after the last attempt.
    """

    id: str
    type: str
    created: int
    body: str
    status: Status = "waiting"
    attempts: int = 0
    deliveries: int = 0
    last_status: int | None = None
    last_error: str | None = None

    def shown(self) -> dict[str, Any]:
        """The event and its fate, for who asks what became of it."""
        fields = msgspec.structs.asdict(self)
        fields["event"] = msgspec.json.decode(fields.pop("body"))
        return fields


class EventLog:
    """The latest events, in the order in which they arose; beyond `EVENTS_MAX` the oldest goes."""

    def __init__(self) -> None:
        self.postings: dict[str, Posting] = {}

    def add(self, posting: Posting) -> None:
        """Keep an event."""
        self.postings[posting.id] = posting
        while len(self.postings) > EVENTS_MAX:
            del self.postings[next(iter(self.postings))]

    def find(self, identifier: str) -> Posting:
        """The event with this id. Raises `ApiError` when there is none."""
        posting = self.postings.get(identifier)
        if posting is None:
            raise no_such("event", identifier, "id")
        return posting

    def latest(self, limit: int, kind: str = "") -> list[Posting]:
        """The last `limit` events, of one type if it is named, the oldest of them first."""
        chosen = [known for known in self.postings.values() if kind in ("", known.type)]
        return chosen[-limit:] if limit > 0 else []


def make_event(
    kind: str,
    thing: Thing,
    before: Thing | None,
    *,
    created: float | None = None,
    request_id: str | None = None,
    key: str | None = None,
) -> Posting:
    """Return the event that `kind` happened to `thing` as it is now.

    `before` holds the attributes that changed, as they were. `created` is in seconds since 1970.
    """
    data: Thing = {"object": thing}
    if before is not None:
        data["previous_attributes"] = before
    event: Thing = {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time() if created is None else created),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": request_id, "idempotency_key": key},
        "type": kind,
    }
    # Stripe's bodies are indented: who verifies anything but the raw bytes finds out here.
    body = msgspec.json.format(msgspec.json.encode(event), indent=2).decode()
    return Posting(id=event["id"], type=kind, created=event["created"], body=body)
