"""The inbox: what the stores told, which claims wait, what was set aside; and one thing of it."""

import asyncio

from litestar import Response, Router, get

from bursar.claims.spool import Spool
from bursar.console.asked import ask_or_none, number_in, with_query
from bursar.console.event_words import (
    PROVIDERS,
    Row,
    is_left,
    last_answer,
    mode_of_event,
    row_of_claim,
    row_of_event,
    state_of_claim,
    state_of_event,
)
from bursar.console.payload import readable
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError
from bursar.settings import Settings

PAGE_LENGTH = 50
CLAIMS_SHOWN = 10
_SUBJECT_LENGTH_MAX = 255
SOURCES = {"": "Everything", **PROVIDERS, "claims": "Claims that had to wait"}
STATES = {
    "": "however it stands",
    "waiting": "waiting",
    "set_aside": "set aside",
    "done": "done",
    "idle": "done, without an effect",
}


def inbox_routes(settings: Settings) -> Router:
    """Return the pages `inbox` and `event`."""
    spool = Spool.of(settings)

    @get("/inbox", include_in_schema=False)
    async def inbox(request: AnyRequest) -> Response[str]:
        ledger, asked = ledger_of(request), _Asked(request)
        counts, events, claims = await asyncio.gather(
            count_left(ledger, spool), _events(ledger, asked), _claims(ledger, asked)
        )
        return page(
            request,
            "inbox.html",
            counts=counts,
            asked=asked,
            sources=SOURCES,
            states=STATES,
            events=events,
            claims=claims,
        )

    @get("/event", include_in_schema=False)
    async def event(request: AnyRequest) -> Response[str]:
        number = number_in(request.query_params.get("id", ""))
        of_claim = number_in(request.query_params.get("claim", ""))
        if number is not None:
            shown = await _event(ledger_of(request), number)
        elif of_claim is not None:
            shown = await _claim(ledger_of(request), of_claim)
        else:
            shown = None
        if shown is None:
            raise ProblemError(404, "NOT_FOUND", "The inbox has no such event or claim.")
        return page(request, "event.html", **shown)

    return Router("/", route_handlers=[inbox, event])


async def count_left(ledger: Ledger, spool: Spool | None) -> Row:
    """Return how much waits and was set aside, since when, and how much is in the spool.

    `spooled` is None without a spool. An app that is left out has nothing that waits.
    """
    found = await asyncio.gather(
        ask_or_none(ledger, "count_inbox"), ask_or_none(ledger, "count_claim_queue")
    )
    events, claims = (each or {} for each in found)

    def oldest(name: str) -> str | None:
        return min((each[name] for each in (events, claims) if each.get(name)), default=None)

    return {
        "waiting_events": events.get("waiting", 0),
        "waiting_claims": claims.get("waiting", 0),
        "waiting_since": oldest("waiting_since"),
        "set_aside": events.get("set_aside", 0) + claims.get("set_aside", 0),
        "set_aside_since": oldest("set_aside_since"),
        "spooled": None if spool is None else await spool.count(),
    }


class _Asked:
    """What the reader chose to see; whatever makes no sense is left out."""

    def __init__(self, request: AnyRequest) -> None:
        query = request.query_params
        self.source = query.get("from", "") if query.get("from") in SOURCES else ""
        self.state = query.get("state", "") if query.get("state") in STATES else ""
        subject = query.get("subject", "").strip()
        self.subject = subject if len(subject) <= _SUBJECT_LENGTH_MAX else ""
        self.before = number_in(query.get("before", ""))

    @property
    def is_narrow(self) -> bool:
        """Whether less than everything is asked for."""
        return bool(self.source or self.state or self.subject)

    def older(self, before: int | None) -> str | None:
        """Return the address of the page with what is older, or None at the end."""
        if before is None:
            return None
        chosen = {"from": self.source, "state": self.state, "subject": self.subject}
        return with_query("console/inbox", **chosen, before=before)


async def _events(ledger: Ledger, asked: _Asked) -> Row | None:
    """Return a page of events as rows; None where claims alone are asked for."""
    if asked.source == "claims":
        return None
    found = await ask_or_none(
        ledger,
        "list_inbox",
        asked.source or None,
        asked.state or None,
        asked.subject or None,
        asked.before,
        PAGE_LENGTH,
    )
    if found is None:
        return {"missing": True, "rows": [], "older": None}
    rows = [row_of_event(event) for event in found["events"]]
    return {"missing": False, "rows": rows, "older": asked.older(found["before"])}


async def _claims(ledger: Ledger, asked: _Asked) -> Row | None:
    """Return claims as rows: a page of them where they are asked for, else the newest that wait."""
    alone = asked.source == "claims"
    if not alone and (asked.source or asked.before or asked.state in ("done", "idle")):
        return None
    state = asked.state if asked.state not in ("", "idle") else None if alone else "waiting"
    found = await ask_or_none(
        ledger,
        "list_claim_queue",
        state,
        asked.subject or None,
        asked.before,
        PAGE_LENGTH if alone else CLAIMS_SHOWN,
    )
    if found is None:
        return {"missing": True, "rows": [], "older": None, "alone": alone}
    rows = [row_of_claim(claim) for claim in found["claims"]]
    older = asked.older(found["before"]) if alone else None
    return {"missing": False, "rows": rows, "older": older, "alone": alone}


async def _event(ledger: Ledger, number: int) -> Row | None:
    event = await ask_or_none(ledger, "read_event", number)
    if event is None:
        return None
    text, whole = readable(event["payload"])
    return {
        "kind": "event",
        "found": event,
        "title": event["type"],
        "origin": PROVIDERS.get(event["provider"], event["provider"]),
        "mode": mode_of_event(event),
        "state": state_of_event(event),
        "message": last_answer(event),
        "is_left": is_left(event),
        "came": await _what_came(ledger, event["outcome"] or {}),
        "payload": text,
        "whole": whole,
    }


async def _claim(ledger: Ledger, number: int) -> Row | None:
    claim = await ask_or_none(ledger, "read_queued_claim", number)
    if claim is None:
        return None
    return {
        "kind": "claim",
        "found": claim,
        "title": f"Claim of {claim['sku']}",
        "origin": claim["user_id"],
        "mode": "",
        "state": state_of_claim(claim),
        "message": last_answer(claim),
        "is_left": is_left(claim),
        "came": await _what_came(ledger, {"tx_id": claim["tx_id"], **(claim["outcome"] or {})}),
        "payload": "",
        "whole": True,
    }


async def _what_came(ledger: Ledger, outcome: Row) -> Row | None:
    """Return the purchase or the payment that it was about, and the transactions it led to."""
    if outcome.get("payment_id"):
        paid = await ask_or_none(ledger, "what_came_of_payment", str(outcome["payment_id"]))
        return None if paid is None else {"payment": paid, "purchase": None}
    if outcome.get("tx_id"):
        bought = await ask_or_none(ledger, "what_came_of_purchase", str(outcome["tx_id"]))
        return None if bought is None else {"purchase": bought, "payment": None}
    return None
