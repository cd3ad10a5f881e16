"""The stand-in put together: its book, its events and their delivery, its faults and its memory."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bursar.db.place import write_private
from bursar.stand_ins.stripe.book import Book, Rules, Sale, Thing
from bursar.stand_ins.stripe.delivery import Delivery
from bursar.stand_ins.stripe.events import EventLog, Posting, make_event
from bursar.stand_ins.stripe.faults import Trouble
from bursar.stand_ins.stripe.idempotency import Kept, Memory
from bursar.stand_ins.stripe.payments import keep_time

TICK_SECONDS = 0.2
SAVE_SECONDS = 1.0


class State(msgspec.Struct, kw_only=True):
    """What is kept in the state file. `port` is tried first by the next start, so that the
    addresses of payment pages stay good."""

    port: int = 0
    ahead: float = 0.0
    sales: list[Sale] = []
    postings: list[Posting] = []
    kept: dict[str, Kept] = {}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a stand-in is to be: where events go and how hard that is tried, and where state is kept.

    `api_key` is the one key that is accepted; empty means any test key.
    """

    api_key: str
    webhook_secrets: Sequence[str]
    webhook: str = ""
    attempts: int = 12
    retry_seconds: float = 1.0
    state: Path | None = None
    rules: Rules = Rules()


class Company:
    """One stand-in. `address` is where it answers; between `open` and `close` it keeps time."""

    def __init__(self, options: Options, state: State, address: str) -> None:
        self.options = options
        self.book = Book(options.rules, self._emit)
        self.book.address = address
        self.log = EventLog()
        self.trouble = Trouble()
        self.memory = Memory()
        # Who asked for what is being done: named in the events that come of it.
        self.request_id: str | None = None
        self.key: str | None = None
        self._changed = False
        self._tasks: list[asyncio.Task[None]] = []
        self._delivery: Delivery | None = None
        self._recall(state)

    @property
    def delivery(self) -> Delivery:
        """How events leave. Only between `open` and `close`."""
        assert self._delivery is not None, "the stand-in is not open"
        return self._delivery

    async def open(self) -> None:
        """Begin to keep time, to post events and to save."""
        options = self.options
        self._delivery = Delivery(
            self.log,
            self.trouble,
            options.webhook_secrets,
            url=options.webhook,
            attempts=options.attempts,
            retry_seconds=options.retry_seconds,
            changed=self.change,
        )
        self._delivery.resume()
        self._tasks = [asyncio.create_task(self._keep_time()), asyncio.create_task(self._save())]

    async def close(self) -> None:
        """Stop, and save a last time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.delivery.close()
        self._write()

    def change(self) -> None:
        """Note that there is something to save."""
        self._changed = True

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due by then happens now."""
        self.book.ahead += seconds
        self.change()
        keep_time(self.book)

    def _emit(self, kind: str, thing: Thing, before: Thing | None) -> None:
        posting = make_event(
            kind,
            thing,
            before,
            created=self.book.now(),
            request_id=self.request_id,
            key=self.key,
        )
        self.log.add(posting)
        self.change()
        self.delivery.take(posting)

    async def _keep_time(self) -> None:
        while True:
            keep_time(self.book)
            await asyncio.sleep(TICK_SECONDS)

    async def _save(self) -> None:
        pause = SAVE_SECONDS
        while True:
            await asyncio.sleep(pause)
            if self._changed:
                began = time.monotonic()
                self._write()
                # Nothing is answered meanwhile, so the more there is the more seldom it is saved.
                pause = max(SAVE_SECONDS, 20 * (time.monotonic() - began))

    def _write(self) -> None:
        self._changed = False
        if self.options.state is None:
            return
        state = State(
            port=int(self.book.address.rpartition(":")[2]),
            ahead=self.book.ahead,
            sales=list(self.book.sales.values()),
            postings=list(self.log.postings.values()),
            kept={key: kept for key, kept in self.memory.kept.items() if kept.status is not None},
        )
        # A full disk must not end it: it goes on, and says less after a restart.
        with contextlib.suppress(OSError):
            write_private(self.options.state, msgspec.json.encode(state).decode())

    def _recall(self, state: State) -> None:
        self.book.ahead = state.ahead
        for sale in state.sales:
            self.book.add(sale)
        for posting in state.postings:
            if posting.status == "held":
                posting.status = "waiting"
            self.log.add(posting)
        self.memory.kept = state.kept


def read_state(path: Path | None) -> State:
    """The state in a file, or an empty one where there is none yet.

    Raises `ValueError` with a sentence when the file holds something else.
    """
    if path is None or not path.exists():
        return State()
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except msgspec.DecodeError:
        raise ValueError(f"{path} is no state of this stand-in. Remove it to begin anew.") from None
