"""Waiting for jobs to change: everybody who waits in this process is served by one statement.

Nobody is asked twice a second for each waiting page: one read answers for all jobs that are being
watched, and there is none while nobody waits.
"""

import asyncio
from contextlib import suppress

from bursar.db.end_tasks import end_tasks
from bursar.errors import BursarError
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError

POLL_SECONDS = 0.25
# Jobs in one statement; more are asked for in the next.
PART = 1000


class JobWatch:
    """Knows who waits for which job. It asks only while somebody waits."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: dict[str, list[tuple[str, asyncio.Future[None]]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self.is_over = False

    async def changed(self, job_id: str, mark: str, seconds: float) -> bool:
        """Wait until a job's mark is another than `mark`, at most so many seconds.

        Returns whether it is. Marks are those of `bursar.read_generation_marks`. Once nobody is
        to wait any longer, it returns at once.
        """
        if self.is_over:
            return False
        future = asyncio.get_running_loop().create_future()
        waits = (mark, future)
        self._waiting.setdefault(job_id, []).append(waits)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="bursar job watch")
        try:
            async with asyncio.timeout(seconds):
                await future
            return not self.is_over
        except TimeoutError:
            return False
        finally:
            others = self._waiting[job_id]
            others.remove(waits)
            if not others:
                del self._waiting[job_id]

    def let_go(self) -> None:
        """Have nobody wait any longer: the service is about to stop."""
        self.is_over = True
        for waits in self._waiting.values():
            for _, future in waits:
                if not future.done():
                    future.set_result(None)

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            await end_tasks(self._asking)

    async def _ask(self) -> None:
        while self._waiting:
            await asyncio.sleep(POLL_SECONDS)
            names = list(self._waiting)
            for start in range(0, len(names), PART):
                part = names[start : start + PART]
                # While the database is away nothing is known to have changed.
                with suppress(BursarError, ProblemError, OSError):
                    self._tell(await self._ledger.read("read_generation_marks", ",".join(part)))

    def _tell(self, marks: dict[str, str]) -> None:
        for job_id, mark in marks.items():
            for known, future in self._waiting.get(job_id, ()):
                if mark != known and not future.done():
                    future.set_result(None)
