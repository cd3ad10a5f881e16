"""What one round of one cell gave, and what can be said of several rounds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What one round of one path in one scenario at one number of callers gave.

    `purchases` were answered in the time that counts, `done` are all of the load, its warm-up and
    its end included. Latencies are in seconds, of a call; a call may hold many purchases.

    Processor times are in processors: 1.0 is one of them all the time. `other_cpu` is what the
    machine did besides: where it is not near zero, somebody else was at work.
    """

    seconds: float = 0.0
    purchases: int = 0
    done: int = 0
    refused: int = 0
    failed: int = 0
    first_failure: str = ""
    latencies: list[float] = field(default_factory=list)
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    database_cpu: float = 0.0
    other_cpu: float = 0.0
    wal_bytes: int = 0
    round_trips: int | None = None
    # Of an open loop: how many purchases were planned for each second.
    rate: float = 0.0

    def fail(self, orders: int, error: Exception) -> None:
        """Count a call that came to nothing, and keep the first reason."""
        self.failed += orders
        self.first_failure = self.first_failure or f"{type(error).__name__}: {error}"[:200]

    @property
    def per_second(self) -> float:
        """Purchases done in a second, those of the warm-up left out."""
        return self.purchases / self.seconds if self.seconds > 0 else 0.0

    @property
    def database_microseconds(self) -> float:
        """Processor time of PostgreSQL for each purchase: what noise around it changes least."""
        return 1e6 * self.database_cpu / self.per_second if self.purchases else 0.0

    @property
    def wal_bytes_per_purchase(self) -> float:
        """How much was written to the write-ahead log for each purchase."""
        return self.wal_bytes / self.done if self.done else 0.0

    @property
    def round_trips_per_purchase(self) -> float | None:
        """Statements sent to the database for each purchase, where the path counts them."""
        if self.round_trips is None or not self.done:
            return None
        return self.round_trips / self.done

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latency of one call, in milliseconds."""
        return 1000 * percentile(self.latencies, percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` per cent of the values do not exceed, 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up: the nearest rank
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the smallest and largest of them."""

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of values; all zeros when there are none."""
        if not values:
            return cls(0.0, 0.0, 0.0)
        return cls(statistics.median(values), min(values), max(values))

    def as_list(self) -> list[float]:
        """Return median, smallest and largest, for JSON."""
        return [round(value, 4) for value in (self.median, self.smallest, self.largest)]
