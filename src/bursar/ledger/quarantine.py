"""Busy wallets: their requests wait apart, so that they delay nobody else.

A wallet is busy when the database let its request go because somebody holds its lock. From then on
every request of that payer takes the solo lane, until one of them comes through there.
"""

import asyncio
import random

from bursar.errors import BursarError
from bursar.ledger.answer import busy, speaks_for_one_try
from bursar.ledger.calls import Carries
from bursar.ledger.lane import Lane, OnBatch
from bursar.ledger.parcel import Parcel
from bursar.ledger.statistics import Statistics
from bursar.settings import Settings

# Payers known to be busy, at most; when there are more, the requests of the others are told BUSY.
PAYERS_MAX = 1024
# A payer whose last request gave up stays suspect for this long: its next request goes to the solo
# lane too, where waiting for its lock costs the others nothing.
MEMORY_SECONDS = 60.0
REST_SECONDS_MIN = 0.002
REST_SECONDS_MAX = 0.1

_dice = random.SystemRandom()


class _Busy:
    """One busy payer: how many parcels it has here, and those that rest between two tries."""

    __slots__ = ("parcels", "resting", "tries", "until")

    def __init__(self) -> None:
        self.parcels = 0
        self.resting: list[Parcel] = []
        self.tries = 0
        self.until = 0.0


class Quarantine:
    """The payers whose requests take the solo lane, and what waits there.

    A request stays for `busy_timeout_ms` at most and is then answered BUSY; only a try that is on
    its way then is waited for. Requests of one payer rest together and are sent together, in order.
    At most a quarter of `queue_size_max` wait here, apart from the bound of the ordinary lanes.
    """

    def __init__(
        self,
        settings: Settings,
        wire: Carries,
        statistics: Statistics,
        on_batch: OnBatch | None = None,
    ) -> None:
        self.lane = Lane(
            wire,
            settings,
            statistics,
            on_busy=self._on_busy,
            on_settled=self._on_settled,
            on_batch=on_batch,
        )
        self.requests = 0
        self._requests_max = max(1, settings.queue_size_max // 4)
        self._patience = settings.busy_timeout_ms / 1000
        self._payers: dict[str, _Busy] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._payers)

    def holds(self, payer: str) -> bool:
        """Say whether a request of this payer has to take the solo lane."""
        known = self._payers.get(payer)
        if known is None:
            return False
        if known.parcels or known.until > _now():
            return True
        del self._payers[payer]
        return False

    def admit(self, parcel: Parcel) -> None:
        """Take a parcel whose payer is busy: a new one, or one that an ordinary lane gave back."""
        count = len(parcel.pending)
        if self._closing or self.requests + count > self._requests_max or not self._room():
            self.lane.settle(parcel, busy(parcel.verb))
            return
        self.requests += count
        parcel.quarantined = count
        parcel.quarantine = payer = parcel.bodies[parcel.pending[0]].payer
        parcel.patience = asyncio.get_running_loop().call_later(
            self._patience, self._give_up, parcel
        )
        known = self._payers.setdefault(payer, _Busy())
        known.parcels += 1
        if known.resting:
            known.resting.append(parcel)
        else:
            self.lane.submit(parcel)

    async def close(self) -> None:
        """Answer BUSY to everything that rests or waits, and close the solo lane."""
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for known in list(self._payers.values()):
            resting, known.resting = known.resting, []
            for parcel in resting:
                self.lane.settle(parcel, busy(parcel.verb, "The service is shutting down."))
        await self.lane.close()

    def _on_busy(self, parcel: Parcel) -> None:
        """Let a parcel that did not get through rest for a moment, or give it up."""
        known = self._payers.get(parcel.quarantine)
        now = _now()
        if known is not None:
            known.until = now + MEMORY_SECONDS
        is_late = parcel.patience is None or parcel.patience.when() <= now
        if known is None or self._closing or is_late or parcel.answer.done():
            self.lane.settle(parcel, busy(parcel.verb))
            return
        known.resting.append(parcel)
        if parcel.quarantine not in self._timers:
            known.tries += 1
            most = min(REST_SECONDS_MAX, REST_SECONDS_MIN * 2 ** min(known.tries, 10))
            self._timers[parcel.quarantine] = asyncio.get_running_loop().call_later(
                _dice.uniform(0, most), self._resume, parcel.quarantine
            )

    def _resume(self, payer: str) -> None:
        self._timers.pop(payer, None)
        known = self._payers.get(payer)
        if known is None:
            return
        resting, known.resting = known.resting, []
        for parcel in resting:
            self.lane.submit(parcel)

    def _give_up(self, parcel: Parcel) -> None:
        """Answer BUSY to a parcel whose patience ends while it waits or rests.

        One that is on its way may be carried out; `_on_busy` gives it up if it comes back.
        """
        known = self._payers.get(parcel.quarantine)
        if known is not None and parcel in known.resting:
            known.resting.remove(parcel)
        elif not self.lane.line.remove(parcel):
            return
        self.lane.settle(parcel, busy(parcel.verb))

    def _on_settled(self, parcel: Parcel) -> None:
        """Note that a parcel left; if it came through, its payer is not busy any more.

        It did when every request of it was answered by who had the locks. One whose caller went
        away has pending requests, and one that was given up answers of its own.
        """
        if not parcel.quarantined:
            return
        self.requests -= parcel.quarantined
        parcel.quarantined = 0
        if parcel.patience is not None:
            parcel.patience.cancel()
        known = self._payers.get(parcel.quarantine)
        if known is None:
            return
        known.parcels -= 1
        if not parcel.pending and not any(
            isinstance(answer, BursarError) or speaks_for_one_try(answer)
            for answer in parcel.answers
        ):
            known.until = 0.0
            known.tries = 0
        if not known.parcels and known.until <= _now():
            del self._payers[parcel.quarantine]

    def _room(self) -> bool:
        """Forget what is over when there are too many busy payers; say whether there is room."""
        if len(self._payers) >= PAYERS_MAX:
            for payer in list(self._payers):
                self.holds(payer)
        return len(self._payers) < PAYERS_MAX


def _now() -> float:
    return asyncio.get_running_loop().time()
