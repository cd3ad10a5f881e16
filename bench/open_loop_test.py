import asyncio
from collections.abc import Iterator, Sequence

from bench.open_loop import open_loop
from bench.orders import Order
from bench.paths.path import Buyer, Site

STALL_SECONDS = 0.2


class Stalling(Buyer):
    """Answers at once, but for the first call."""

    name, title, kind, says = "stalling", "stalling", "rival", "stalls once"

    def __init__(self, refuse: bool = False) -> None:
        super().__init__()
        self.calls = 0
        self._refuse = refuse

    async def open(self, site: Site) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def buy(self, orders: Sequence[Order]) -> int:
        self.calls += 1
        if self.calls == 1:
            await asyncio.sleep(STALL_SECONDS)
        if self.calls == 5:
            raise RuntimeError("the fifth fails")
        return 0 if self._refuse else len(orders)


def orders() -> Iterator[Order]:
    for n in range(10_000):
        yield Order("buyer", "reward", str(n))


async def test_everybody_who_came_behind_a_slow_answer_is_late() -> None:
    path = Stalling()

    load = await open_loop(path, orders(), 1, 100, 0.3, 0.0, None)

    # One call was slow, but whoever was planned meanwhile had to wait as well.
    late = [latency for latency in load.latencies if latency > STALL_SECONDS / 4]
    assert len(late) > 5
    assert max(load.latencies) >= STALL_SECONDS


async def test_as_many_come_as_were_planned_and_all_are_accounted_for() -> None:
    path = Stalling()

    load = await open_loop(path, orders(), 4, 100, 0.3, 0.1, None)

    # 0.4 s at a hundred a second; 30 of them in the time that counts.
    assert path.calls == 40
    assert load.done == path.acknowledged == 39
    assert load.failed == 1
    assert load.first_failure == "RuntimeError: the fifth fails"
    assert load.purchases == len(load.latencies) == 30
    assert load.rate == 100


async def test_refusals_are_no_purchases() -> None:
    load = await open_loop(Stalling(refuse=True), orders(), 4, 100, 0.1, 0.0, None)

    assert (load.purchases, load.refused) == (0, 9)
