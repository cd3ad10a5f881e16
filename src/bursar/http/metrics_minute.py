"""Per-minute aggregates of requests, added to the database every few seconds.

They let `bursar monitor` judge a deployment that has no Prometheus. Each flush sends what was
counted since the last one, and the database adds it up; a flush that failed is kept and sent with
the next, within bounds.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from typing import Any

import msgspec

from bursar.http.calls import Ledger
from bursar.http.metrics import BUCKETS

FLUSH_SECONDS = 5.0
FLUSH_TIMEOUT_SECONDS = 10.0
# Rows kept while the database cannot be reached; the oldest are let go first.
ROWS_MAX = 5000
_LIMITS_MS = tuple(seconds * 1000 for seconds in BUCKETS)
_NAMES = (*(f"{limit:g}" for limit in _LIMITS_MS), "+Inf")
_log = logging.getLogger("bursar.metrics")


class _Row:
    __slots__ = ("buckets", "duration_ms_max", "duration_ms_sum", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.duration_ms_sum = 0.0
        self.duration_ms_max = 0.0
        self.buckets = [0] * len(_NAMES)


class MinuteMetrics:
    """Collects, and flushes in the background between `start` and `stop`."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str, str], _Row] = {}
        self._process = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def count(self, verb: str, outcome: str, seconds: float) -> None:
        """Count one answered request in the present minute."""
        key = (int(time.time()) // 60, verb, outcome)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS_MAX:
                del self._rows[next(iter(self._rows))]
                self.dropped += 1
            row = self._rows[key] = _Row()
        milliseconds = seconds * 1000
        row.requests += 1
        row.duration_ms_sum += milliseconds
        row.duration_ms_max = max(row.duration_ms_max, milliseconds)
        at = 0
        for limit in _LIMITS_MS:
            if milliseconds <= limit:
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
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.flush(ledger)

    async def flush(self, ledger: Ledger) -> bool:
        """Send what was counted; on failure keep it. Return whether it arrived."""
        rows, self._rows = self._rows, {}
        if not rows:
            return True
        body = msgspec.json.encode([self._as_json(key, row) for key, row in rows.items()])
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_SECONDS):
                await ledger.read("record_metrics", body.decode())
        except asyncio.CancelledError:
            self._keep(rows)
            raise
        except Exception as error:  # Counting must never break what is counted.
            self._keep(rows)
            _log.warning("metrics were not recorded: %s", type(error).__name__)
            return False
        return True

    async def _run(self, ledger: Ledger) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush(ledger)

    def _keep(self, rows: dict[tuple[int, str, str], _Row]) -> None:
        for key, row in self._rows.items():
            old = rows.setdefault(key, _Row())
            old.requests += row.requests
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
            "process": self._process,
            "verb": verb,
            "outcome": outcome,
            "requests": row.requests,
            "duration_ms_sum": round(row.duration_ms_sum, 3),
            "duration_ms_max": round(row.duration_ms_max, 3),
            "buckets": dict(zip(_NAMES, row.buckets, strict=True)),
        }
