"""The engine: concurrent requests gathered into batches, one round trip each, outcomes as data.

Requests are routed to a few lanes by their payer's wallet, so that one hot wallet never makes two
lanes wait for each other. Everything is bounded: the lines, the batches, the tries, the waits.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from bursar.errors import BursarError, Fault, OutcomeUnknown, Refused
from bursar.ledger.answer import busy, refusal
from bursar.ledger.calls import Carries, Reads
from bursar.ledger.lane import Lane, OnBatch
from bursar.ledger.parcel import Answer, Body, Parcel, check
from bursar.ledger.quarantine import Quarantine
from bursar.ledger.reader import Reader
from bursar.ledger.statistics import Statistics
from bursar.ledger.wire import Lost, Wire
from bursar.settings import Settings

# What `bursar.<verb>(jsonb)` takes in one array.
BATCH_REQUESTS_MAX = 1000
# On the solo lane several busy wallets share a batch, and are tried again soon anyway.
SOLO_LOCK_TIMEOUT_MS = 50


class Engine:
    """A way to the ledger that carries many callers at once. Open it with `Engine.open`.

    Cancelling a caller gives up its answer only: a request not sent yet is dropped, one that is on
    its way may still be carried out. Only its key, sent again, tells.
    """

    def __init__(
        self,
        settings: Settings,
        make_wire: Callable[[], Carries],
        reader: Reads,
        *,
        solo: Carries | None = None,
        on_batch: OnBatch | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self.settings = settings
        self.statistics = statistics or Statistics()
        self._quarantine = Quarantine(settings, solo or make_wire(), self.statistics, on_batch)
        self._lanes = [
            Lane(
                make_wire(),
                settings,
                self.statistics,
                on_busy=self._quarantine.admit,
                on_batch=on_batch,
            )
            for _ in range(max(1, settings.lanes))
        ]
        self._reader = reader
        self._degraded = settings.is_degraded
        self._patience = settings.request_timeout_ms / 1000
        self._sweep: asyncio.TimerHandle | None = None
        self._closing = False

    @classmethod
    async def open(
        cls,
        url: str,
        settings: Settings | None = None,
        *,
        prepare: bool = True,
        on_batch: OnBatch | None = None,
    ) -> Self:
        """Connect the lanes to the database at `url`, a libpq URL or connection string.

        `prepare=False` never uses prepared statements, as a transaction pooler may need (the
        engine also notices by itself). `on_batch(verb, outcomes, seconds)` is called after each
        batch with the outcomes that are final. Raises `Fault` when the database is not there.
        """
        chosen = settings or Settings()
        statistics = Statistics()
        engine = cls(
            chosen,
            lambda: Wire(url, chosen, prepare=prepare),
            Reader(url, chosen, statistics),
            solo=Wire(
                url,
                chosen,
                prepare=prepare,
                lock_timeout_ms=min(chosen.lock_timeout_ms, SOLO_LOCK_TIMEOUT_MS),
            ),
            on_batch=on_batch,
            statistics=statistics,
        )
        await engine.connect()
        return engine

    async def connect(self) -> None:
        """Open the lanes and the reader. Raises `Fault` when nobody is there to answer."""
        try:
            for lane in self._lanes:
                await lane.wire.open()
            await self._reader.open()
        except Lost as lost:
            await self.close()
            raise Fault("The database cannot be reached.") from lost.__cause__
        except BaseException:
            await self.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def queue_length(self) -> int:
        """Requests that wait and have not been sent."""
        return sum(lane.line.requests for lane in self._lanes) + self._quarantine.requests

    @property
    def busy_payers(self) -> int:
        """Payers whose requests wait apart because somebody holds their wallet."""
        return len(self._quarantine)

    @property
    def replica_is_close(self) -> bool:
        """Whether there is a replica, and it is close enough behind to answer for history."""
        return bool(getattr(self._reader, "replica_is_close", False))

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request of `verb` and return its outcome, done or refused.

        A request without a key gets one. Raises `OutcomeUnknown` (with the key) when the database
        was lost with the request on its way and nothing within the budget told what had become of
        it, and `Fault` when the database failed the request.
        """
        self.statistics.requests += 1
        checked = self._check(verb, request)
        if isinstance(checked, dict):
            return checked
        answer = (await self._carry(verb, [checked]))[0]
        if isinstance(answer, BursarError):
            raise answer
        return answer

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out independent requests as if in array order and return an outcome for each.

        The verb "batch" takes requests of any verb, each with its own "verb". Up to 1000 requests
        are one round trip; more are sent in parts, one after the other. An outcome that cannot be
        learned has the status "unknown" and the key to ask again with; a failed one, "fault".
        """
        self.statistics.requests += len(requests)
        outcomes: list[dict[str, Any]] = [{}] * len(requests)
        part: list[tuple[int, Body]] = []
        for at, request in enumerate(requests):
            checked = self._check(verb, request)
            if isinstance(checked, dict):
                outcomes[at] = checked
                continue
            part.append((at, checked))
            if len(part) == BATCH_REQUESTS_MAX:
                await self._carry_part(verb, part, outcomes)
                part = []
        if part:
            await self._carry_part(verb, part, outcomes)
        return outcomes

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the reading function `bursar.<function>` and return its decoded JSON.

        Raises `Refused` with BUSY when no connection is free in time, `Fault` when reading fails.
        """
        self.statistics.reads += 1
        return await self._reader.read(function, arguments)

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Call `public.<function>` with named arguments, once, and return what it answers.

        For what has no idempotency key. Raises `Refused` when it refuses or nobody has time for
        it, `OutcomeUnknown` when the answer was lost, `Fault` when it fails.
        """
        if self._degraded:
            raise Refused("DEGRADED")
        if self._closing:
            raise Refused("BUSY", "BUSY: The service is shutting down.")
        return await self._reader.procedure(function, arguments)

    async def close(self) -> None:
        """Finish what is on its way, answer BUSY to what waits, and disconnect."""
        self._closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        await asyncio.gather(*(lane.close() for lane in self._lanes))
        await self._quarantine.close()
        await self._reader.close()

    def _check(self, verb: str, request: Mapping[str, Any]) -> Body | dict[str, Any]:
        checked = check(verb, request)
        if isinstance(checked, Body):
            if self._degraded:
                checked = refusal(verb, "DEGRADED")
            elif self._closing:
                checked = busy(verb, "The service is shutting down.")
            elif self.queue_length >= self.settings.queue_size_max:
                self.statistics.busy_answered += 1
                checked = busy(verb)
        if isinstance(checked, dict):
            self.statistics.refused_at_once += 1
        return checked

    async def _carry(self, verb: str, bodies: list[Body]) -> list[Answer]:
        loop = asyncio.get_running_loop()
        parcel = Parcel(verb, bodies, loop.create_future(), loop.time() + self._patience)
        if any(self._quarantine.holds(body.payer) for body in bodies):
            self._quarantine.admit(parcel)
        else:
            place = zlib.crc32(bodies[0].payer.encode("utf-8", "replace")) % len(self._lanes)
            self._lanes[place].submit(parcel)
        if self._sweep is None:
            self._sweep = loop.call_later(min(1.0, self._patience), self._sweep_lines)
        return await parcel.answer

    async def _carry_part(
        self, verb: str, part: list[tuple[int, Body]], outcomes: list[dict[str, Any]]
    ) -> None:
        answers = await self._carry(verb, [body for _, body in part])
        for (at, body), answer in zip(part, answers, strict=True):
            if isinstance(answer, dict):
                outcomes[at] = answer
            else:
                unknown = isinstance(answer, OutcomeUnknown)
                outcomes[at] = {
                    "status": "unknown" if unknown else "fault",
                    "verb": verb,
                    "key": body.key,
                    "message": str(answer),
                }

    def _sweep_lines(self) -> None:
        """Answer BUSY to those who have waited too long; go on while anybody waits."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        waiting = 0
        for lane in self._lanes:
            for parcel in lane.line.remove_unsent(loop.time()):
                lane.settle(parcel, busy(parcel.verb))
            waiting += len(lane.line)
        if waiting and not self._closing:
            self._sweep = loop.call_later(min(1.0, self._patience), self._sweep_lines)
