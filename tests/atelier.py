"""Workers of generation in a test's own process, with a provider that does as the test says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bursar.generation.provider import Answer, Job
from bursar.generation.worker import GenerationWorker
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS
from tests.studio import job

MADE = Answer(content=b"\x89PNG", content_type="image/png", reference="r-1")


class Said:
    """A log that keeps what is said, as (event, values)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.lines.append((event, values))

    warning = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [values for said, values in self.lines if said == event]


class Painter:
    """A provider that does with each call what the test says."""

    name = "painter"

    def __init__(self, paint: Callable[[Job], Awaitable[Answer]]) -> None:
        self._paint = paint
        self.calls: list[Job] = []

    async def generate(self, asked: Job) -> Answer:
        self.calls.append(asked)
        return await self._paint(asked)

    async def close(self) -> None:
        pass


async def well(asked: Job) -> Answer:
    return MADE


def failing(error: Exception) -> Callable[[Job], Awaitable[Answer]]:
    async def paint(asked: Job) -> Answer:
        raise error

    return paint


def slow(seconds: float) -> Callable[[Job], Awaitable[Answer]]:
    async def paint(asked: Job) -> Answer:
        await asyncio.sleep(seconds)
        return MADE

    return paint


class Studio:
    """A worker with a painter, which is stopped with the test."""

    def __init__(self, engine: Engine, ledger: Ledger, said: Said) -> None:
        self.ledger, self.said = ledger, said
        self._engine = engine
        self.workers: list[GenerationWorker] = []

    def hire(
        self, paint: Callable[[Job], Awaitable[Answer]], *, lease: int = 30, jobs: int = 4
    ) -> tuple[GenerationWorker, Painter]:
        painter = Painter(paint)
        settings = Settings(worker_interval_ms=50, worker_lease_seconds=lease, worker_jobs=jobs)
        worker = GenerationWorker(settings, painter, self.said)
        worker.start(self._engine)
        self.workers.append(worker)
        return worker, painter

    async def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.said.lines
            await asyncio.sleep(0.02)

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        await self.until(lambda: job(self.ledger, job_id)["finished_at"] is not None)
        return job(self.ledger, job_id)
