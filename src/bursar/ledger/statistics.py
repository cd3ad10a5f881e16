"""What the engine counts about itself; read by tests and by `/metrics`."""

from dataclasses import asdict, dataclass, field
from typing import Any


def _powers() -> dict[int, int]:
    return {2**power: 0 for power in range(11)}


@dataclass(slots=True)
class Statistics:
    """Counters since the engine was opened; all only grow.

    `round_trips` counts statements sent, tries included. `busy_seen` are the outcomes with which
    the database let a request go because of its wallet's lock, `busy_answered` those given to a
    caller in the end, a full line included. `replica_reads` are those of the reads that a replica
    answered. `batch_sizes` counts batches by size, rounded up to a power of two.
    """

    requests: int = 0
    refused_at_once: int = 0
    batches: int = 0
    round_trips: int = 0
    retries: int = 0
    reruns: int = 0
    busy_seen: int = 0
    busy_answered: int = 0
    unknown: int = 0
    faults: int = 0
    reads: int = 0
    replica_reads: int = 0
    batch_sizes: dict[int, int] = field(default_factory=_powers)

    def count_batch(self, size: int) -> None:
        """Count a batch that is about to be sent."""
        self.batches += 1
        self.batch_sizes[1 << max(0, min(size, 1024) - 1).bit_length()] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the counters by name."""
        return asdict(self)
