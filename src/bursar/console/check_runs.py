"""Checks that go on after the page was answered: one of a kind at a time, each with a time limit.

What a check finds is kept in the database, for every process shows it; its line in the journal is
written when it ends. A service that stops ends its checks, and says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg

from bursar.console.task import Means, Order
from bursar.db.end_tasks import end_tasks
from bursar.errors import BursarError, Refused
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError

# A quick check is answered with its result; a longer one goes on.
ANSWER_SECONDS = 2.0
# How far it is, is written this often at most.
NOTE_SECONDS = 0.5
_encode = msgspec.json.Encoder().encode
# How far a check is: so many parts of so many.
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What a check came to: whether all was as it should be, in a sentence, and its report."""

    healthy: bool
    said: str
    report: dict[str, Any]


class CheckRuns:
    """The checks that this process is at."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self,
        means: Means,
        kind: str,
        order: Order,
        seconds: int,
        work: Callable[[Tell], Awaitable[Found]],
    ) -> None:
        """Begin a check that may take so many seconds; it is answered when it has ended, or soon.

        Raises `Refused` with BUSY where one of its kind is at work, in whichever process.
        """
        begun = await means.ledger.read("begin_check", order.key, kind, order.actor, seconds)
        if not begun["begun"]:
            raise Refused("BUSY", f"Another {kind} is at work; wait until it has ended.")
        run = _Run(means.ledger, order.key, seconds, work)
        task = asyncio.create_task(run.go(), name=f"bursar console {kind}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait([task], timeout=ANSWER_SECONDS)

    def let_go(self) -> None:
        """End what goes on: the service is about to stop."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Wait until what went on has said that it ended."""
        await end_tasks(*self._tasks)


class _Run:
    """One check from its beginning to its last line."""

    def __init__(
        self, ledger: Ledger, key: str, seconds: int, work: Callable[[Tell], Awaitable[Found]]
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._seconds = seconds
        self._work = work
        self._far = (0, 0)

    async def go(self) -> None:
        noting = asyncio.create_task(self._note())
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._work(self._tell)
        except asyncio.CancelledError:
            await self._end("failed", "It was ended: the service that was at it stopped.")
            raise
        except TimeoutError:
            await self._end("failed", f"It was given up after {self._seconds} seconds.")
        except (BursarError, ProblemError, psycopg.Error, OSError) as error:
            await self._end("failed", f"It could not be carried out. {error}")
        else:
            await self._end("done", found.said, found)
        finally:
            await end_tasks(noting)

    def _tell(self, done: int, parts: int) -> None:
        self._far = (done, parts)

    async def _note(self) -> None:
        noted = self._far
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            if self._far != noted:
                noted = self._far
                await self._ledger.read("note_check", self._key, *noted)

    async def _end(self, status: str, said: str, found: Found | None = None) -> None:
        """Have the end written down, also when whoever stops the service asks once more."""
        writing = asyncio.create_task(self._write_end(status, said, found))
        asked: asyncio.CancelledError | None = None
        while not writing.done():
            try:
                await asyncio.wait([writing])
            except asyncio.CancelledError as again:
                asked = again
        writing.result()
        if asked is not None:
            raise asked

    async def _write_end(self, status: str, said: str, found: Found | None) -> None:
        healthy = None if found is None else str(found.healthy).lower()
        report = None if found is None else _encode(found.report).decode()
        await self._ledger.read("end_check", self._key, status, healthy, said, report)
        await self._ledger.read("end_console_operation", self._key, status, said)
