"""The line before a lane: requests wait here while a batch is on its way."""

from collections import deque
from collections.abc import Callable, Iterator

from bursar.ledger.parcel import Parcel

# How many parcels of other verbs a batch may overtake; bounds the work of one `take`.
OVERTAKEN_MAX = 512
# A batch is also bounded in bytes, because a jsonb value is.
BATCH_BYTES_MAX = 8_388_608


class Line:
    """Parcels in order of arrival.

    `take` gathers a batch of one verb. It may overtake parcels of another verb, but never one of
    the same payer: the requests of one wallet are carried out in the order in which they came.
    `on_left` receives a parcel that `take` has removed because its caller went away.
    """

    def __init__(self, on_left: Callable[[Parcel], None] | None = None) -> None:
        self._on_left = on_left
        self._parcels: deque[Parcel] = deque()
        self.requests = 0

    def __len__(self) -> int:
        return len(self._parcels)

    def __iter__(self) -> Iterator[Parcel]:
        return iter(self._parcels)

    def add(self, parcel: Parcel) -> None:
        """Put a parcel at the end of the line."""
        self._parcels.append(parcel)
        self.requests += len(parcel.pending)

    def take(self, requests_max: int) -> list[Parcel]:
        """Remove and return the next batch: at most `requests_max` requests of one verb.

        A parcel is never split; one that is larger than that travels alone.
        """
        taken: list[Parcel] = []
        overtaken: list[Parcel] = []
        passed: set[str] = set()
        room, room_bytes = requests_max, BATCH_BYTES_MAX
        waiting = self._parcels
        while waiting and room > 0 and len(overtaken) < OVERTAKEN_MAX:
            parcel = waiting[0]
            if parcel.answer.done():  # The caller went away before anything was sent.
                waiting.popleft()
                self.requests -= len(parcel.pending)
                if self._on_left is not None:
                    self._on_left(parcel)
                continue
            payers = {parcel.bodies[position].payer for position in parcel.pending}
            if taken and (parcel.verb != taken[0].verb or not passed.isdisjoint(payers)):
                waiting.popleft()
                overtaken.append(parcel)
                passed |= payers
                continue
            count = len(parcel.pending)
            size = sum(len(parcel.bodies[position].bytes) for position in parcel.pending)
            if taken and (count > room or size > room_bytes):
                break
            waiting.popleft()
            taken.append(parcel)
            self.requests -= count
            room -= count
            room_bytes -= size
        waiting.extendleft(reversed(overtaken))
        return taken

    def remove(self, parcel: Parcel) -> bool:
        """Remove a parcel; say whether it was here."""
        try:
            self._parcels.remove(parcel)
        except ValueError:
            return False
        self.requests -= len(parcel.pending)
        return True

    def remove_unsent(self, now: float) -> list[Parcel]:
        """Remove and return the parcels that have waited longer than they may."""
        late = [parcel for parcel in self._parcels if parcel.unsent_until <= now]
        if late:
            self._parcels = deque(p for p in self._parcels if p.unsent_until > now)
            self.requests -= sum(len(parcel.pending) for parcel in late)
        return late

    def clear(self) -> list[Parcel]:
        """Remove and return everything that waits."""
        parcels = list(self._parcels)
        self._parcels.clear()
        self.requests = 0
        return parcels
