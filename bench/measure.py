"""The load: so many callers, each sending its next order as soon as the last one is answered."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

from bench.load import Load
from bench.orders import Order
from bench.paths.path import Buyer
from bench.processors import watch


async def closed_loop(
    path: Buyer,
    orders: Iterator[Order],
    callers: int,
    seconds: float,
    warm_up: float,
    database_pid: int | None,
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
                load.fail(len(batch), error)
                continue
            ended = clock()
            path.acknowledged += done
            load.done += done
            if counted_from <= ended <= counted_to:
                load.purchases += done
                load.refused += len(batch) - done
                load.latencies.append(ended - begun)
                last = max(last, ended)

    noting = asyncio.ensure_future(watch(load, seconds, warm_up, path.server_pid, database_pid))
    await asyncio.gather(*(caller() for _ in range(callers)))
    if clock() < counted_to:  # the orders ran out
        noting.cancel()
        load.seconds = last - counted_from
    else:
        await noting
        load.seconds = seconds
    return load
