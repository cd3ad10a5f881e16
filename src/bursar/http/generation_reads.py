"""`/functions/v1/generation-jobs`: how jobs stand, and what they made.

A page that was loaded anew asks again; one that stays open waits for a change with `?wait=`, or
listens to the events. Somebody else's job is answered exactly as one that does not exist.
"""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from bursar.http.calls import Ledger
from bursar.http.claim_answer import FunctionError, said_yes
from bursar.http.event_stream import EVENT_STREAM, PING, event
from bursar.http.exchange import Answer, Exchange
from bursar.http.function_user import user_of
from bursar.http.generation import TAGS, refuse
from bursar.http.generation_bodies import JobState
from bursar.http.job_watch import JobWatch
from bursar.http.problem import malformed, refused
from bursar.http.route import OwnWay, Route, decoded
from bursar.http.workspace import uuid_of
from bursar.settings import Settings

WAIT_SECONDS_MAX = 25
# A page listens again by itself when the stream ends; so nobody's stays open for ever.
STREAM_SECONDS_MAX = 600.0
PING_SECONDS = 10.0
ENDED = ("completed", "failed", "refunded")
JOBS_SHOWN = 50
# What a browser may show as it is; anything else is to be stored.
_SHOWN = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "application/json"}
)
_OWN = OwnWay(refuse, FunctionError)
_JOB = "/functions/v1/generation-jobs/{job_id}"
_STATUSES = (403, 404, 429, 500)
_encode = msgspec.json.Encoder().encode


class GenerationReads:
    """The reading half of generation."""

    def __init__(self, ledger: Ledger, watch: JobWatch, settings: Settings) -> None:
        self._ledger = ledger
        self._watch = watch
        # A request that waits must be answered before it has taken too long.
        self._wait_max = min(float(WAIT_SECONDS_MAX), settings.request_timeout_ms / 1000 - 2)

    def routes(self) -> list[Route]:
        """Return the routes of the reads."""
        return [
            Route(
                "GET",
                "/functions/v1/generation-jobs",
                self.studio,
                "read_studio",
                "v1",
                "A user's jobs",
                "The newest 50, with the wallet and what can be generated.",
                answer={"type": "object"},
                parameters=("user_id",),
                statuses=(403, 500),
                own_way=_OWN,
                tags=TAGS,
            ),
            Route(
                "GET",
                _JOB,
                self.job,
                "read_generation_job",
                "v1",
                "How a job stands",
                "With `wait` the answer comes when the state is another than that of"
                " If-None-Match, or than when it was asked for; at once when the job has ended.",
                answer=JobState,
                parameters=("wait", "if_none_match"),
                statuses=_STATUSES,
                successes=(200, 304),
                own_way=_OWN,
                tags=TAGS,
            ),
            *self._streams(),
        ]

    def _streams(self) -> list[Route]:
        return [
            Route(
                "GET",
                f"{_JOB}/events",
                self.events,
                "generation_events",
                "v1",
                "A job's states as server-sent events",
                "An event `state` with the job now and at each change, until it has ended.",
                answer={"type": "string"},
                media="text/event-stream",
                statuses=_STATUSES,
                own_way=_OWN,
                tags=TAGS,
            ),
            Route(
                "GET",
                f"{_JOB}/output",
                self.output,
                "read_generation_output",
                "v1",
                "What a completed job made",
                answer={"type": "string"},
                media="*/*",
                statuses=_STATUSES,
                own_way=_OWN,
                tags=TAGS,
            ),
        ]

    async def studio(self, exchange: Exchange) -> Answer:
        """Show the caller's wallet and jobs."""
        named = dict(exchange.parameters()).get("user_id")
        user_id = uuid_of(user_of(exchange, named), "user_id")
        return said_yes(await self._ledger.read("read_studio", user_id, JOBS_SHOWN))

    async def job(self, exchange: Exchange) -> Answer:
        """Show a job, at once or when it has changed."""
        seconds = self._wait_of(exchange)
        found, tag = await self._job(exchange)
        known = exchange.header(b"if-none-match").removeprefix("W/")
        waited = 0.0
        if seconds and found["status"] not in ENDED and known in ("", tag):
            began = time.perf_counter()
            await self._watch.changed(found["job_id"], _mark(found), seconds)
            waited = time.perf_counter() - began
            found, tag = await self._job(exchange)
        headers = [(b"etag", tag.encode()), (b"cache-control", b"private, no-cache")]
        answer = Answer(304, headers=headers) if known == tag else said_yes(found)
        answer.headers = headers
        answer.waited = waited
        return answer

    async def events(self, exchange: Exchange) -> Answer:
        """Tell a job's states until it has ended."""
        found, tag = await self._job(exchange)
        headers = [(b"content-type", EVENT_STREAM), (b"cache-control", b"no-cache")]
        # Proxies that gather answers would keep the news to themselves.
        answer = Answer(200, headers=[*headers, (b"x-accel-buffering", b"no")])
        answer.stream = self._states(exchange, found, tag)
        return answer

    async def output(self, exchange: Exchange) -> Answer:
        """Send what a completed job made."""
        job_id, user_id = _named(exchange)
        found = await self._ledger.read("read_generation_output", job_id, user_id)
        if found is None:
            raise refused("JOB_NOT_FOUND", "There is no such job, or it has made nothing yet.")
        kind = found["content_type"]
        text = kind.startswith("text/")
        shown = "text/plain; charset=utf-8" if text else kind
        headers = [
            (b"cache-control", b"private, max-age=3600, immutable"),
            # A picture may be a document; none of it may run.
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ]
        if kind not in _SHOWN and not text:
            shown = "application/octet-stream"
            headers.append((b"content-disposition", b"attachment"))
        headers.append((b"content-type", shown.encode()))
        return Answer(200, base64.b64decode(found["base64"]), headers)

    async def _job(self, exchange: Exchange) -> tuple[dict[str, Any], str]:
        """Return a job and its ETag. Raises 404 where there is none for this caller."""
        found = await self._ledger.read("read_generation_job", *_named(exchange))
        if found is None:
            raise refused("JOB_NOT_FOUND")
        digest = hashlib.sha256(_encode(found)).hexdigest()[:24]
        return found, f'"{digest}"'

    async def _states(
        self, exchange: Exchange, found: dict[str, Any], tag: str
    ) -> AsyncIterator[bytes]:
        ends = time.monotonic() + STREAM_SECONDS_MAX
        yield b"retry: 1000\n\n"
        yield event("state", _encode(found), tag.strip('"'))
        while found["status"] not in ENDED and time.monotonic() < ends:
            if not await self._watch.changed(found["job_id"], _mark(found), PING_SECONDS):
                if self._watch.is_over:
                    return
                yield PING
                continue
            found, tag = await self._job(exchange)
            yield event("state", _encode(found), tag.strip('"'))

    def _wait_of(self, exchange: Exchange) -> float:
        text = dict(exchange.parameters()).get("wait", "0")
        if not (text.isascii() and text.isdigit() and int(text[:5]) <= WAIT_SECONDS_MAX):
            raise malformed("wait", f"It must be 0 to {WAIT_SECONDS_MAX} seconds.")
        return max(0.0, min(float(text), self._wait_max))


def _named(exchange: Exchange) -> tuple[str, str | None]:
    """Return the job that is asked for, and whose it must be; the service reads everybody's."""
    job_id = uuid_of(decoded(exchange.values["job_id"], "job_id"), "job_id")
    principal = exchange.principal
    return job_id, None if principal.is_service else principal.sub


def _mark(found: dict[str, Any]) -> str:
    """Return a job's mark as `bursar.read_generation_marks` makes it."""
    return f"{found['status']} {found['attempts']}"
