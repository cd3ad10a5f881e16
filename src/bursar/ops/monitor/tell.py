"""Tells a webhook of alerts: once when one fires, once when it clears.

What is to be told is kept in the database, so that many who look tell it once, and who fails to
tell it is followed by the next. Telling is at least once: every event has an id, under which it
comes again should its answer have been lost. The webhook's address is a secret, since those of
chat services have a token in them: it is never logged, and errors do not name it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from bursar.ops.monitor.judge import FIRING, Judged
from bursar.ops.monitor.look import Reading, Report
from bursar.ops.monitor.rules import BY_NAME

VERSION = 1
EVENTS_MAX = 20
TRY_SECONDS = 3.0
# Tries of one event in a row: a worker has other things to do. More follow at the next look.
TRIES = 2
_PAUSE_SECONDS = 0.5
# Longer than all tries of an event can take, so that nobody else tells it meanwhile.
LEASE_SECONDS = 60
_encode = msgspec.json.Encoder().encode


class NotToldError(Exception):
    """An event could not be told. The message says why, and never where to."""


class Telling(Protocol):
    """What carries an event to whoever is to be told."""

    async def tell(self, body: Mapping[str, Any]) -> None:
        """Tell one event. Raises `NotToldError`."""
        ...


def require_address(address: str) -> None:
    """Raise `ValueError`, without the address, when it is neither empty nor http or https."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if address and not usable:
        raise ValueError("BURSAR_ALERT_WEBHOOK must be an http or https address.") from None


class Webhook:
    """An address that takes events as JSON by POST and answers 2xx.

    Raises `ValueError` as `require_address` does. Close it.
    """

    def __init__(self, address: str, *, seconds: float = TRY_SECONDS) -> None:
        require_address(address)
        self._address = address
        self._seconds = seconds
        # Without a client around it: that logs each address it asks for.
        self._transport = httpx.AsyncHTTPTransport(verify=True, trust_env=False)

    async def tell(self, body: Mapping[str, Any]) -> None:
        """Tell one event, in two tries at most. Raises `NotToldError`."""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            complaint = await self._post(body)
            if not complaint:
                return
        raise NotToldError(complaint)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _post(self, body: Mapping[str, Any]) -> str:
        """Post once. Return what is wrong with the answer, nothing when it is a yes."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._transport.handle_async_request(self._request(body))
                try:
                    status = answer.status_code
                finally:
                    await answer.aclose()
        except TimeoutError:
            return f"it did not answer in {self._seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return type(error).__name__  # Their messages may have the address in them.
        return "" if 200 <= status < 300 else f"it answered {status}"

    def _request(self, body: Mapping[str, Any]) -> httpx.Request:
        limit = self._seconds
        return httpx.Request(
            "POST",
            self._address,
            content=_encode(body),
            headers={"content-type": "application/json", "user-agent": "bursar"},
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), limit)},
        )


async def note_turns(reading: Reading, report: Report) -> int:
    """Note how every alert stands. Return how many have turned since somebody noted it last."""
    alerts = [
        {"alert": one.rule.name, "firing": one.state == FIRING, "body": _told_of(one, report)}
        for one in report.judged
    ]
    return int(await reading.read("turn_alerts", _encode(alerts).decode()))


async def tell_events(reading: Reading, telling: Telling) -> tuple[int, str]:
    """Tell what nobody was told of yet, in order. Return how many, and why it ended early if so.

    Whoever cannot be told of one event is not asked for the next: they wait for the next look.
    """
    for told in range(EVENTS_MAX):
        events = await reading.read("lease_alert_events", 1, LEASE_SECONDS)
        if not events:
            return told, ""
        [event] = events
        failed = None
        try:
            await telling.tell(body_of(event))
        except NotToldError as error:
            failed = str(error)
        await reading.read("settle_alert_event", event["id"], failed)
        if failed is not None:
            return told, f"{event['alert']}: {failed}"
    return EVENTS_MAX, ""


def body_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the webhook is sent for an event; docs/monitoring.md describes it."""
    rule = BY_NAME.get(event["alert"])
    title = event["alert"] if rule is None else rule.sentence()
    severity = event["body"].get("severity", "")
    word = severity.upper() if event["state"] == "firing" else "RESOLVED"
    return {
        "version": VERSION,
        "source": "bursar",
        "id": event["id"],
        "alert": event["alert"],
        "state": event["state"],
        "at": event["happened_at"],
        **event["body"],
        "text": f"[{word}] {title}",
    }


def _told_of(one: Judged, report: Report) -> dict[str, Any]:
    data = one.as_data()
    names = ("title", "severity", "value", "unit", "alarm", "threshold", "target", "window")
    return {**{name: data[name] for name in names}, "until": report.until}
