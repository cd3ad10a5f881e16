"""Per-minute aggregates of requests, added to the database every few seconds.

They let `bursar monitor` judge a deployment that has no Prometheus. Each flush sends what was
counted since the last one, and the database adds it up; a flush that failed is kept and sent with
the next, within bounds. Each also says that this process is there; where there is nothing else to
say, that is said every twenty seconds.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec

from bursar.db.end_tasks import end_tasks
from bursar.http.calls import Ledger
from bursar.ops.monitor.series import BOUNDS_MS

FLUSH_SECONDS = 5.0
# Three to a minute: one that is late leaves no minute without.
BEAT_SECONDS = 20.0
FLUSH_TIMEOUT_SECONDS = 10.0
# Rows kept while the database cannot be reached; the oldest are let go first.
ROWS_MAX = 5000
_NAMES = (*(f"{bound:g}" for bound in BOUNDS_MS), "+Inf")
_log = logging.getLogger("bursar.metrics")


class _Row:
    __slots__ = ("buckets", "duration_ms_max", "duration_ms_sum", "kind", "replays", "requests")

    def __init__(self) -> None:
        self.kind = ""
        self.requests = 0
        self.replays = 0
        self.duration_ms_sum = 0.0
        self.duration_ms_max = 0.0
        self.buckets = [0] * len(_NAMES)


class MinuteMetrics:
    """Collects, and flushes in the background between `start` and `stop`.

    `on_beat` is called whenever the database has taken what was sent.
    """

    def __init__(self, on_beat: Callable[[], None] = lambda: None) -> None:
        self._on_beat = on_beat
        self._beaten = 0.0
        self._rows: dict[tuple[int, str, str], _Row] = {}
        self._process = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self.dropped = 0

    def count(
        self,
        verb: str,
        outcome: str,
        seconds: float,
        *,
        replayed: bool = False,
        kind: str = "done",
    ) -> None:
        """Count one answered request in the present minute."""
        key = (int(time.time()) // 60, verb, outcome)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS_MAX:
                del self._rows[next(iter(self._rows))]
                self.dropped += 1
            row = self._rows[key] = _Row()
        milliseconds = seconds * 1000
        row.kind = kind
        row.requests += 1
        row.replays += replayed
        row.duration_ms_sum += milliseconds
        row.duration_ms_max = max(row.duration_ms_max, milliseconds)
        at = 0
        for bound in BOUNDS_MS:
            if milliseconds <= bound:
                break
            at += 1
        row.buckets[at] += 1

    def start(self, ledger: Ledger) -> None:
        """Begin to flush in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(ledger), name="bursar metrics"
            )

    async def stop(self, ledger: Ledger) -> None:
        """Flush once more and end the background task."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks(task)
            await self.flush(ledger)

    async def flush(self, ledger: Ledger, *, beat: bool = False) -> bool:
        """Send what was counted; on failure keep it. Return whether it arrived.

        Where nothing was counted nothing is sent, unless it is to `beat`.
        """
        async with self._sending:  # What another flush is sending has arrived before this answers.
            return await self._send(ledger, beat=beat)

    async def _send(self, ledger: Ledger, *, beat: bool) -> bool:
        rows, self._rows = self._rows, {}
        if not rows and not beat:
            return True
        body = msgspec.json.encode([self._as_json(key, row) for key, row in rows.items()])
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_SECONDS):
                await ledger.read("record_minutes", body.decode(), self._process, _utc_now())
        except asyncio.CancelledError:
            self._keep(rows)
            raise
        except Exception as error:  # Counting must never break what is counted.
            self._keep(rows)
            _log.warning("metrics were not recorded: %s", type(error).__name__)
            return False
        self._beaten = time.monotonic()
        self._on_beat()
        return True

    async def _run(self, ledger: Ledger) -> None:
        while True:
            await self.flush(ledger, beat=time.monotonic() - self._beaten >= BEAT_SECONDS)
            await asyncio.sleep(FLUSH_SECONDS)

    def _keep(self, rows: dict[tuple[int, str, str], _Row]) -> None:
        for key, row in self._rows.items():
            old = rows.setdefault(key, _Row())
            old.kind = row.kind
            old.requests += row.requests
            old.replays += row.replays
            old.duration_ms_sum += row.duration_ms_sum
            old.duration_ms_max = max(old.duration_ms_max, row.duration_ms_max)
            old.buckets = [a + b for a, b in zip(old.buckets, row.buckets, strict=True)]
        while len(rows) > ROWS_MAX:
            del rows[next(iter(rows))]
            self.dropped += 1
        self._rows = rows

    def _as_json(self, key: tuple[int, str, str], row: _Row) -> dict[str, Any]:
        minute, verb, outcome = key
        return {
            "minute": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(minute * 60)),
            "verb": verb,
            "outcome": outcome,
            "kind": row.kind,
            "requests": row.requests,
            "replays": row.replays,
            "duration_ms_sum": round(row.duration_ms_sum, 3),
            "duration_ms_max": round(row.duration_ms_max, 3),
            "buckets": dict(zip(_NAMES, row.buckets, strict=True)),
        }


def _utc_now() -> str:
    """Return what this process takes for the time, as PostgreSQL reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
