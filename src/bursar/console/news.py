"""What the open consoles are told: one look for all of them, and what it has changed.

While somebody listens, this process looks at the database every few seconds, once for all; where
several processes serve, each looks for its own. A page that shows the overview is given it anew;
the others learn of alerts and of the gate.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from bursar.console.safety import Safety, look_at_safety
from bursar.console.schema_state import SchemaState
from bursar.console.site import SITE
from bursar.db.end_tasks import end_tasks
from bursar.http.calls import Ledger
from bursar.http.event_stream import PING, event

INTERVAL_SECONDS = 5.0
# A database that hangs is as one that is away.
LOOK_SECONDS_MAX = 4.0
PING_SECONDS = 15.0
# A page listens again by itself when the stream ends; so nobody's stays open for ever.
STREAM_SECONDS_MAX = 600.0
_encode = msgspec.json.Encoder().encode


class News:
    """Looks while somebody listens, and tells all of them. Each look is kept for an interval."""

    def __init__(self, ledger: Ledger, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._ledger = ledger
        self._interval = interval_seconds
        self._schema = SchemaState()
        self._lock = asyncio.Lock()
        self._looked_at = -interval_seconds
        self._safety = Safety(())
        self._mark = ""
        self._told = b""
        self._changed = asyncio.Event()
        self._listeners = 0
        self._looking: asyncio.Task[None] | None = None
        self._is_over = False

    async def safety(self) -> Safety:
        """Return how things stand now, at most an interval ago."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= self._interval or not self._mark:
                await self._look()
        return self._safety

    async def told(self) -> bytes:
        """Return what listeners are told now, as JSON."""
        await self.safety()
        return self._told

    async def listen(self, until: float) -> AsyncIterator[bytes]:
        """Tell how things stand, now and when that changes, until then (`time.time`) at most."""
        ends = time.monotonic() + min(STREAM_SECONDS_MAX, until - time.time())
        self._listeners += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._go_on(), name="bursar console news")
            yield b"retry: 2000\n\n"
            await self.safety()
            known = ""
            while not self._is_over and time.monotonic() < ends:
                changed = self._changed
                if known != self._mark:
                    known = self._mark
                    yield event("news", self._told, known)
                elif not await _wait(changed.wait, min(PING_SECONDS, ends - time.monotonic())):
                    yield PING
        finally:
            self._listeners -= 1

    def let_go(self) -> None:
        """End every stream: the service is about to stop."""
        self._is_over = True
        self._changed.set()

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            await end_tasks(self._looking)

    async def _go_on(self) -> None:
        while self._listeners and not self._is_over:
            await self.safety()
            await asyncio.sleep(self._interval)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                safety = await look_at_safety(self._ledger, self._schema)
        except TimeoutError:
            safety = Safety.of_silence()
        self._looked_at = time.monotonic()
        self._safety = safety
        told = _told(safety)
        mark = hashlib.sha256(told).hexdigest()[:24]
        if mark != self._mark:
            self._mark, self._told = mark, told
            self._changed.set()
            if not self._is_over:
                self._changed = asyncio.Event()


async def _wait(work: Callable[[], Awaitable[object]], seconds: float) -> bool:
    """Say whether it came about in time."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await work()
    except TimeoutError:
        return False
    return True


def _told(safety: Safety) -> bytes:
    html = SITE.render("safety.html", "console", safety=safety).content
    return _encode(
        {
            "state": safety.state,
            "sentence": f"{safety.answer}{safety.reason}",
            "alerts": [{"name": name, "title": title} for name, title in safety.alerts],
            "degraded": safety.degraded,
            "checks": safety.checks,
            "html": html,
        }
    )
