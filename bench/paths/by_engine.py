"""The Python engine: callers in one process, gathered into batches."""

from collections.abc import Sequence

from bench.orders import Order
from bench.paths.path import Buyer, Site
from bursar.ledger.engine import Engine
from bursar.rewards.purchase_reward import purchase_reward
from bursar.settings import Settings


class ByEngine(Buyer):
    """`purchase_reward(engine, ...)`, as an app's own backend calls it."""

    name, title, kind = "engine", "Python engine", "ours"
    says = "await purchase_reward(engine, …) with the default settings"

    async def open(self, site: Site) -> None:
        """Open an engine with the default settings."""
        self._engine = await Engine.open(site.service_url, Settings())
        self.round_trips = 0

    async def buy(self, orders: Sequence[Order]) -> int:
        """Buy one after the other; there is one order in a call."""
        done = 0
        for order in orders:
            outcome = await purchase_reward(
                self._engine, reward_id=order.reward, collector_id=order.buyer, key=order.key
            )
            done += outcome.status == "done"
        self.round_trips = self._engine.statistics.round_trips
        return done

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()
