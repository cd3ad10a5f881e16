"""What has to happen without anybody asking, in rounds: each app gives its steps.

Every process of the service runs one worker. They need not know of each other: what one of them
works on, the others pass over or do again without effect.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bursar.db.end_tasks import end_tasks
from bursar.settings import Settings

PAUSE_SECONDS_MIN = 0.05
# What goes on failing in the same words is said again this seldom.
SILENCE_SECONDS = 60.0
ERROR_LENGTH_MAX = 300


class Ledger(Protocol):
    """What a worker needs of the ledger; `bursar.ledger.engine.Engine` has it."""

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request and return its outcome."""
        ...

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out requests as if in array order, and return an outcome for each."""
        ...

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call `bursar.<function>` and return its decoded JSON."""
        ...


class Log(Protocol):
    """Where a worker says what it did: an event and its values, and nothing secret."""

    def info(self, event: str, **values: Any) -> Any:
        """Log an event that is nothing to worry about."""
        ...

    def warning(self, event: str, **values: Any) -> Any:
        """Log an event that somebody may want to look at."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done in each round. `work` says by an exception that it failed."""

    name: str
    work: Callable[[Ledger], Awaitable[None]]


class Worker:
    """Does its round in the background between `start` and `stop`.

    The steps are done one after the other, in their order. One that fails stops neither the others
    nor the next round.
    """

    def __init__(self, settings: Settings, steps: Sequence[Step], log: Log) -> None:
        self._steps = tuple(steps)
        self._log = log
        self._pause = max(PAUSE_SECONDS_MIN, settings.worker_interval_ms / 1000)
        self._task: asyncio.Task[None] | None = None
        self._said: dict[str, tuple[str, float]] = {}

    def start(self, ledger: Ledger) -> None:
        """Begin to work in the background; the first round comes after a pause."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._run(ledger), name="bursar worker"
            )

    async def stop(self) -> None:
        """End at once. What a step had under way is done again later, by whoever comes next."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks(task)

    async def work(self, ledger: Ledger) -> None:
        """Do one round."""
        for step in self._steps:
            try:
                await step.work(ledger)
            except Exception as error:  # Whatever it is, the other steps and rounds go on.
                self._complain(step.name, str(error)[:ERROR_LENGTH_MAX] or type(error).__name__)
            else:
                if self._said.pop(step.name, None) is not None:
                    self._log.info("worker_recovered", step=step.name)

    async def _run(self, ledger: Ledger) -> None:
        while True:
            # Processes that were started together do not go on working at the same moments.
            # The chance spreads the tries; it hides nothing.
            await asyncio.sleep(self._pause * random.uniform(0.8, 1.2))  # noqa: S311
            await self.work(ledger)

    def _complain(self, name: str, text: str) -> None:
        """Log a failure when it is new, and now and then while it lasts."""
        now = asyncio.get_running_loop().time()
        known = self._said.get(name)
        if known is None or known[0] != text or now - known[1] >= SILENCE_SECONDS:
            self._log.warning("worker_failed", step=name, message=text)
            self._said[name] = (text, now)
