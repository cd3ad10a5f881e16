"""The load: so many callers, each sending its next order as soon as the last one is answered."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from bench.machine import busy_seconds, children_seconds, process_seconds
from bench.orders import Order
from bench.paths.path import Path


@dataclass(slots=True)
class Load:
    """What one round of one path at one number of callers gave.

    Processor times are in processors: 1.0 is one of them all the time. `other_cpu` is what the
    machine did besides: where it is not near zero, somebody else was at work.
    """

    seconds: float = 0.0
    purchases: int = 0
    refused: int = 0
    failed: int = 0
    first_failure: str = ""
    latencies: list[float] = field(default_factory=list)
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    database_cpu: float = 0.0
    other_cpu: float = 0.0

    @property
    def per_second(self) -> float:
        """Purchases done in a second, those of the warm-up left out."""
        return self.purchases / self.seconds if self.seconds > 0 else 0.0

    @property
    def database_microseconds(self) -> float:
        """Processor time of PostgreSQL for each purchase: what noise around it changes least."""
        return 1e6 * self.database_cpu / self.per_second if self.purchases else 0.0

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latency of one call, in milliseconds."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def put_load_on(
    path: Path, orders: Iterator[Order], callers: int, seconds: float, warm_up: float = 0.0
) -> Load:
    """Let `callers` buy for `seconds` after `warm_up`, or until there are no more orders.

    Every call that was begun is waited for, so that the audit may count on its answer; only
    answers that come within the time are part of the figures.
    """
    load = Load()
    clock = time.perf_counter
    counted_from = clock() + warm_up
    counted_to = counted_from + seconds
    last = counted_from

    async def caller() -> None:
        nonlocal last
        while (begun := clock()) < counted_to:
            batch = list(islice(orders, path.per_call))
            if not batch:
                return
            try:
                done = await path.buy(batch)
            except Exception as error:  # whatever a path can raise is a failed call
                load.failed += len(batch)
                load.first_failure = load.first_failure or f"{type(error).__name__}: {error}"[:200]
                continue
            ended = clock()
            path.acknowledged += done
            if counted_from <= ended <= counted_to:
                load.purchases += done
                load.refused += len(batch) - done
                load.latencies.append(ended - begun)
                last = max(last, ended)

    async def watch_processors() -> None:
        await asyncio.sleep(warm_up)
        begun, before = clock(), _processors(path)
        await asyncio.sleep(seconds * 0.95)
        passed = clock() - begun
        after = _processors(path)
        load.client_cpu, load.server_cpu, load.database_cpu, machine = (
            (b - a) / passed for a, b in zip(before, after, strict=True)
        )
        known = load.client_cpu + load.server_cpu + load.database_cpu
        load.other_cpu = max(0.0, machine - known)

    watch = asyncio.ensure_future(watch_processors())
    await asyncio.gather(*(caller() for _ in range(callers)))
    if clock() < counted_to:  # the orders ran out
        watch.cancel()
        load.seconds = last - counted_from
    else:
        await watch
        load.seconds = seconds
    return load


def _processors(path: Path) -> tuple[float, float, float, float]:
    """Return processor seconds: this process's, the server's, the database's, the machine's."""
    server = process_seconds(path.server_pid) if path.server_pid else 0.0
    database = children_seconds(path.database_pid) if path.database_pid else 0.0
    return time.process_time(), server, database, busy_seconds()
