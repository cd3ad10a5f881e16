"""A lane: one connection, one batch on its way at a time, and the line of those who wait.

There is no timer that gathers. An idle lane sends what has arrived in this turn of the event loop;
while it waits for the answer, requests pile up and leave together as the next batch. So a lone
request is not delayed, and the busier it gets, the larger the batches grow.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from bursar.db.pool import backoff_seconds
from bursar.errors import BursarError, Fault, OutcomeUnknown
from bursar.ledger.answer import app_down, away, busy, is_busy, speaks_for_one_try
from bursar.ledger.calls import Carries
from bursar.ledger.gather import Line
from bursar.ledger.parcel import Answer, Body, Parcel
from bursar.ledger.statistics import Statistics
from bursar.ledger.wire import Lost, Moved, Rejected, TimedOut, Undone
from bursar.settings import Settings

OnBatch = Callable[[str, Sequence[dict[str, Any]], float], None]
_log = logging.getLogger("bursar.engine")


class _NotDone(BursarError):
    """Not answered within the budget of tries."""


class Lane:
    """Carries parcels over one wire, in order, until it is closed.

    `on_busy` receives a parcel some of whose requests the database let go because of a lock; the
    lane is done with it. `on_settled` receives a parcel that the lane is done with otherwise: all
    of its requests have their answers, before they are handed over, or its caller went away.
    """

    def __init__(
        self,
        wire: Carries,
        settings: Settings,
        statistics: Statistics,
        *,
        on_busy: Callable[[Parcel], None],
        on_settled: Callable[[Parcel], None] | None = None,
        on_batch: OnBatch | None = None,
    ) -> None:
        self.wire = wire
        self.line = Line(on_left=self.settle)
        self._settings = settings
        self._statistics = statistics
        self._on_busy = on_busy
        self._on_settled = on_settled
        self._on_batch = on_batch
        self._wake: asyncio.Future[None] | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def submit(self, parcel: Parcel) -> None:
        """Put a parcel into the line; its answer is given through its future."""
        self.line.add(parcel)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="bursar lane")
        elif self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def close(self) -> None:
        """Let the batch on its way arrive, answer everybody else BUSY, and disconnect."""
        self._closing = True
        for parcel in self.line.clear():
            self.settle(parcel, busy(parcel.verb, "The service is shutting down."))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        if self._task is not None:
            await asyncio.shield(self._task)
        await self.wire.close()

    async def _run(self) -> None:
        while not self._closing:
            batch = self.line.take(self._settings.batch_size_max)
            if not batch:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake
                self._wake = None
                continue
            try:
                await self._carry(batch)
            except Exception as error:
                _log.exception("a lane failed")
                self._fail(batch, Fault(f"The engine failed: {type(error).__name__}."))
            except BaseException:
                self._fail(batch, None)
                raise
            # One turn for the callers just answered, so that their next requests go together.
            await asyncio.sleep(0)

    async def _carry(self, batch: list[Parcel]) -> None:
        """Send a batch until it is answered, and hand the answers over."""
        verb = batch[0].verb
        bodies = [parcel.bodies[at] for parcel in batch for at in parcel.pending]
        self._statistics.count_batch(len(bodies))
        started = asyncio.get_running_loop().time()
        try:
            answers = await self._attempt(verb, bodies)
        except Rejected as rejected:
            if len(bodies) > 1:
                self._statistics.reruns += 1
                await self._carry_singly(batch)
                return
            answers = [_fault(rejected)]
        self._deliver(batch, answers, asyncio.get_running_loop().time() - started)

    async def _carry_singly(self, batch: list[Parcel]) -> None:
        """Carry out each request of a rejected batch by itself, so that only the bad one fails.

        When the database is gone meanwhile, the rest is not tried. What is delivered leaves
        `batch`, since it may be somebody else's from then on.
        """
        gone = False
        while batch:
            parcel = batch[0]
            started = asyncio.get_running_loop().time()
            answers: list[Answer] = []
            for at in parcel.pending:
                if gone:
                    answers.append(_NotDone())
                    continue
                try:
                    answers += await self._attempt(parcel.verb, [parcel.bodies[at]])
                except Rejected as rejected:
                    answers.append(_fault(rejected))
                else:
                    gone = isinstance(answers[-1], _NotDone)
            self._deliver([parcel], answers, asyncio.get_running_loop().time() - started)
            batch.pop(0)

    async def _attempt(self, verb: str, bodies: list[Body]) -> list[Answer]:
        """Send the same bytes with the same keys, again within the budget, until answered.

        When the budget is spent: `_NotDone` for each. Raises `Rejected`.
        """
        argument = b"[" + b",".join([body.bytes for body in bodies]) + b"]"
        moved = False
        for tried in range(1, self._settings.retry_attempts + 1):
            before = self.wire.round_trips
            try:
                outcomes = await self.wire.carry(verb, argument)
            except TimedOut:
                break
            except Undone:
                pass
            except Moved as error:
                if error.app_is_down:
                    return [app_down(verb) for _ in bodies]
                if moved:
                    raise
                moved = True
            except Lost as lost:
                for body in bodies:
                    body.unseen = body.unseen or lost.sent
            else:
                if len(outcomes) != len(bodies):
                    raise Rejected("XX000", "the answer has another number of outcomes")
                return list(outcomes)
            finally:
                self._statistics.round_trips += self.wire.round_trips - before
            if tried < self._settings.retry_attempts:
                self._statistics.retries += 1
                await asyncio.sleep(backoff_seconds(tried, self._settings.retry_backoff_ms))
        return [_NotDone() for _ in bodies]

    def _deliver(self, batch: list[Parcel], answers: list[Answer], seconds: float) -> None:
        given = iter(answers)
        final: list[dict[str, Any]] = []
        for parcel in batch:
            waiting: list[int] = []
            for at in parcel.pending:
                answer = next(given)
                if not isinstance(answer, BursarError) and is_busy(answer):
                    waiting.append(at)
                    continue
                told = self._conclude(parcel, at, answer)
                if told is answer and isinstance(answer, dict):
                    final.append(answer)
            parcel.pending = waiting
            if waiting:
                self._statistics.busy_seen += len(waiting)
                self._on_busy(parcel)
            else:
                self.settle(parcel)
        if self._on_batch is not None and final:
            with contextlib.suppress(Exception):
                self._on_batch(batch[0].verb, final, seconds)

    def _fail(self, batch: list[Parcel], fault: Fault | None) -> None:
        """Answer a batch that the lane could not see through: with a fault, or as unknown."""
        for parcel in batch:
            for at in parcel.pending:
                self._conclude(parcel, at, fault or OutcomeUnknown(parcel.bodies[at].key))
            parcel.pending = []
            self.settle(parcel)

    def _conclude(self, parcel: Parcel, at: int, answer: Answer) -> Answer:
        """Make this the final answer of a request, count it, and return what the caller is told.

        Where a try ended unseen, it may have been committed: what speaks for a later try alone, and
        whatever failed, is no answer then.
        """
        body = parcel.bodies[at]
        if body.unseen and (isinstance(answer, BursarError) or speaks_for_one_try(answer)):
            answer = OutcomeUnknown(body.key)
        elif isinstance(answer, _NotDone):
            answer = away(parcel.verb)
        parcel.answers[at] = answer
        if isinstance(answer, OutcomeUnknown):
            self._statistics.unknown += 1
        elif isinstance(answer, BursarError):
            self._statistics.faults += 1
        elif is_busy(answer):
            self._statistics.busy_answered += 1
        return answer

    def settle(self, parcel: Parcel, answer: dict[str, Any] | None = None) -> None:
        """Give what is still pending `answer`, and hand all answers of the parcel over.

        Who may have been carried out in a try that was lost is told so instead.
        """
        if answer is not None:
            for at in parcel.pending:
                self._conclude(parcel, at, answer)
            parcel.pending = []
        if self._on_settled is not None:
            self._on_settled(parcel)
        parcel.settle()


def _fault(rejected: Rejected) -> Fault:
    fault = Fault(str(rejected))
    fault.__cause__ = rejected
    return fault
