"""Each call of a function's address, kept in `function_metrics`: when, with which status, how long.

Calls are gathered and sent every second, so that counting costs no request of its own. What could
not be sent is kept and sent with the next, within bounds; what had to be let go is said.
"""

import asyncio
import time
from collections import deque
from typing import Any

import msgspec

from bursar.db.end_tasks import end_tasks
from bursar.http.calls import Ledger
from bursar.http.request_log import RequestLog

FLUSH_SECONDS = 1.0
FLUSH_TIMEOUT_SECONDS = 5.0
# Calls in one statement; the database takes 10,000.
PART = 2000
# Calls kept while the database cannot be reached: a minute of a thousand each second, at about
# 150 bytes each. The oldest are let go first.
CALLS_MAX = 60_000
_encode = msgspec.json.Encoder().encode


class FunctionMetrics:
    """Collects calls, and flushes them in the background between `start` and `stop`."""

    def __init__(self, log: RequestLog) -> None:
        self._calls: deque[dict[str, Any]] = deque()
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._dropped = 0

    def count(
        self, function_name: str, status_code: int, seconds: float, error_code: str | None
    ) -> None:
        """Count one answered call. `error_code` is what its caller was told, None for a yes."""
        if len(self._calls) >= CALLS_MAX:
            self._calls.popleft()
            self._dropped += 1
        self._calls.append(
            {
                "function_name": function_name,
                "at": _utc(time.time()),
                "status_code": status_code,
                "duration_ms": round(seconds * 1000, 3),
                "error_code": error_code,
            }
        )

    def start(self, ledger: Ledger) -> None:
        """Begin to flush in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(ledger), name="bursar function metrics"
            )

    async def stop(self, ledger: Ledger) -> None:
        """Flush once more and end the background task; say how many calls were not recorded."""
        task, self._task = self._task, None
        if task is None:
            return
        await end_tasks(task)
        if not await self.flush(ledger):
            self._log.warning("calls_not_recorded", calls=len(self._calls))

    async def flush(self, ledger: Ledger) -> bool:
        """Send what was counted; on failure keep it. Return whether all of it arrived."""
        async with self._sending:
            while self._calls:
                part = [self._calls.popleft() for _ in range(min(PART, len(self._calls)))]
                arrived = False
                try:
                    async with asyncio.timeout(FLUSH_TIMEOUT_SECONDS):
                        await ledger.read("record_function_metrics", _encode(part).decode())
                    arrived = True
                except Exception:  # Counting must never break what is counted.
                    return False
                finally:
                    if not arrived:
                        self._calls.extendleft(reversed(part))
        return True

    async def _run(self, ledger: Ledger) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if self._dropped:
                self._log.warning("calls_not_recorded", calls=self._dropped)
                self._dropped = 0
            await self.flush(ledger)


def _utc(moment: float) -> str:
    """Write a moment, in seconds since 1970, as PostgreSQL reads it."""
    whole = int(moment)
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{shown}.{int((moment - whole) * 1_000_000):06d}Z"
