"""An open loop: purchases arrive when they are planned, whether or not earlier ones are answered.

Latency counts from the planned moment. A slow answer therefore makes everybody late who came
behind it, as it would in life; a closed loop would politely wait and hide it.
"""

import asyncio
import math
import time
from collections.abc import Iterator
from itertools import islice

from bench.load import Load
from bench.orders import Order
from bench.paths.path import Buyer
from bench.processors import watch

# How long those who came may still wait for their answers once nobody comes any more.
_DRAIN_SECONDS = 20
# The event loop rounds to a millisecond. With half of it added nobody comes before the time, and
# those who are due by then leave together.
_HALF_TICK_SECONDS = 0.0005


async def open_loop(
    path: Buyer,
    orders: Iterator[Order],
    connections: int,
    rate: float,
    seconds: float,
    warm_up: float,
    database_pid: int | None,
) -> Load:
    """Send `rate` orders a second, evenly, over at most `connections` calls at once.

    An order that finds no call free waits, and the wait counts. What was planned within `seconds`
    after `warm_up` is measured, however late its answer comes; all answers are waited for.
    """
    load = Load(rate=rate)
    clock = time.perf_counter
    waiting: asyncio.Queue[tuple[int, Order]] = asyncio.Queue()
    begun = clock()
    # By their number, since a moment that is a sum may be a little less than it.
    counted_from, counted_to = _number_at(warm_up, rate), _number_at(warm_up + seconds, rate)

    async def caller() -> None:
        while True:
            number, order = await waiting.get()
            try:
                done = await path.buy([order])
            except Exception as error:  # whatever a path can raise is a failed call
                load.fail(1, error)
            else:
                path.acknowledged += done
                load.done += done
                if number >= counted_from:
                    load.purchases += done
                    load.refused += 1 - done
                    load.latencies.append(clock() - begun - number / rate)
            finally:
                waiting.task_done()

    noting = asyncio.ensure_future(watch(load, seconds, warm_up, path.server_pid, database_pid))
    callers = [asyncio.ensure_future(caller()) for _ in range(connections)]
    try:
        for number, order in enumerate(islice(orders, counted_to)):
            early = begun + number / rate - clock()
            if early > 0:
                await asyncio.sleep(early + _HALF_TICK_SECONDS)
            waiting.put_nowait((number, order))
        await asyncio.wait_for(waiting.join(), _DRAIN_SECONDS)
        await noting
    finally:
        for task in (*callers, noting):
            task.cancel()
        await asyncio.gather(*callers, noting, return_exceptions=True)
    load.seconds = seconds
    return load


def _number_at(seconds: float, rate: float) -> int:
    """Return the number, from 0, of the first order that is planned at that moment or later."""
    return math.ceil(round(seconds * rate, 6))
