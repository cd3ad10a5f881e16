"""The worker: takes jobs that are due, a few at once, and sees each of them through.

Any number of workers share the jobs, in however many processes. None needs to know of another: a
job is one worker's for as long as its lease is kept.
"""

import asyncio
import os
import random
import socket
from typing import Any

import msgspec

from bursar.db.end_tasks import end_tasks
from bursar.generation.attempt import HAND_BACK_SECONDS, Attempt
from bursar.generation.provider import Job, Provider
from bursar.ledger.worker import ERROR_LENGTH_MAX, SILENCE_SECONDS, Ledger, Log
from bursar.settings import Settings

# Jobs are looked for this often at the most and at the least; the background worker may be slower.
POLL_SECONDS_MAX = 0.5
POLL_SECONDS_MIN = 0.05
# A lease that is asked for comes back in this time, or it does not.
LEASE_CALL_SECONDS = 5.0
LEASE_SECONDS_MIN = 1


class GenerationWorker:
    """Works on `worker_jobs` jobs at once between `start` and `stop`.

    The provider stays the caller's to close.
    """

    def __init__(
        self, settings: Settings, provider: Provider, log: Log, *, jobs: int | None = None
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"[:200]
        self._provider = provider
        self._log = log
        self._jobs = settings.worker_jobs if jobs is None else jobs
        self._lease_seconds = max(LEASE_SECONDS_MIN, settings.worker_lease_seconds)
        interval = settings.worker_interval_ms / 1000
        self._pause = min(max(interval, POLL_SECONDS_MIN), POLL_SECONDS_MAX)
        self._attempts: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._said: tuple[str, float] | None = None

    @property
    def under_way(self) -> int:
        """How many jobs it works on."""
        return len(self._attempts)

    def start(self, ledger: Ledger) -> None:
        """Begin to take jobs. With a concurrency of 0 nothing is taken."""
        if self._task is None and self._jobs > 0:
            self._stopping = False
            self._task = asyncio.get_running_loop().create_task(
                self._run(ledger), name="bursar generation"
            )

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing more; let what is under way end, and hand back what does not in time.

        It returns within the grace and a few seconds.
        """
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping = True
        self._wake.set()
        # A lease that is on its way is waited for: its jobs would be nobody's until it runs out.
        await asyncio.wait([task], timeout=LEASE_CALL_SECONDS)
        task.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=grace_seconds)
        await end_tasks(task, *self._attempts, again_seconds=2 * HAND_BACK_SECONDS)

    async def _run(self, ledger: Ledger) -> None:
        while not self._stopping:
            self._wake.clear()
            free = self._jobs - len(self._attempts)
            leased = await self._lease(ledger, free) if free > 0 else []
            for one in leased:
                try:
                    self._begin(ledger, msgspec.convert(one, Job))
                except msgspec.ValidationError as error:  # Another version's; its lease runs out.
                    self._complain(f"A job cannot be read: {error}")
            # Somebody who got all that there was place for looks again when there is place.
            await self._rest()

    async def _lease(self, ledger: Ledger, free: int) -> list[dict[str, Any]]:
        try:
            leased: list[dict[str, Any]] | None = await ledger.read(
                "lease_generation_jobs", self.name, free, self._lease_seconds
            )
        except Exception as error:  # The database may be away; it comes back.
            self._complain(str(error)[:ERROR_LENGTH_MAX] or type(error).__name__)
            return []
        if self._said is not None:
            self._said = None
            self._log.info("worker_recovered", step="lease_generation_jobs")
        return leased or []

    def _begin(self, ledger: Ledger, job: Job) -> None:
        attempt = Attempt(
            ledger,
            self._provider,
            self._log,
            job,
            worker=self.name,
            lease_seconds=self._lease_seconds,
        )
        task = asyncio.create_task(attempt.run(), name=f"job {job.job_id}")
        self._attempts.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._complain(str(error)[:ERROR_LENGTH_MAX] or type(error).__name__)

    async def _rest(self) -> None:
        """Wait until there is reason to look again."""
        # Workers that were started together do not go on looking at the same moments.
        pause = self._pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads, hides nothing
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _complain(self, text: str) -> None:
        """Log a failure when it is new, and now and then while it lasts."""
        now = asyncio.get_running_loop().time()
        if self._said is None or self._said[0] != text or now - self._said[1] >= SILENCE_SECONDS:
            self._log.warning("worker_failed", step="generation", message=text)
            self._said = (text, now)
