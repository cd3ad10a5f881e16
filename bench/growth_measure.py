"""The measurement: databases of all sizes in one cluster, taking turns in every round."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg

from bench.growth_fill import ENTRIES_PER_PURCHASE, BatchesOn
from bench.growth_orders import History
from bench.growth_upkeep import Tally, Wal, read_wal, tally
from bench.load import Load
from bench.measure import closed_loop
from bench.orders import Order, identity
from bench.paths.by_engine import ByEngine
from bench.paths.path import Buyer, Site
from bench.prepare import site_of
from bursar.db.embedded import Cluster
from bursar.ops.audit import Report, run_audit
from bursar.settings import Settings

Say = Callable[[str], None]

_PAGE = 50
_READS: dict[str, LiteralString] = {
    "statement, first page": "SELECT bursar.read_statement(%(owner)s, 'credit', NULL, %(page)s)",
    "statement, deep page": "SELECT bursar.read_statement(%(owner)s, 'credit', %(seq)s, %(page)s)",
    "balance": "SELECT bursar.read_wallet(%(owner)s, 'credit')",
}
# Callers of each path: batches of a hundred on two connections, the engine's callers.
_CALLERS = {"sql_batch": 2, "engine": 32}


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """How much and how long. Every round puts two loads on each database, then reads.

    A load is long, because the first seconds after a checkpoint cost most where indexes are
    large, and the databases share their checkpoints.
    """

    entries: tuple[int, ...] = (10_000, 1_000_000, 10_000_000)
    rounds: int = 3
    load_seconds: float = 15.0
    warm_up_seconds: float = 3.0
    reads: int = 300


@dataclass(slots=True)
class Grown:
    """One database: its ways to buy, its next orders, and all that was measured on it.

    `loads` and `wal` have one value for each round, by path; `wal` is of the warm-up as well.
    `reads` are all latencies in seconds.
    """

    entries: int
    site: Site
    orders: Iterator[Order]
    paths: dict[str, Buyer] = field(default_factory=dict)
    loads: dict[str, list[Load]] = field(default_factory=dict)
    wal: dict[str, list[Wal]] = field(default_factory=dict)
    reads: dict[str, list[float]] = field(default_factory=dict)
    left_behind: dict[str, Tally] = field(default_factory=dict)
    audit: Report | None = None

    @property
    def purchases(self) -> int:
        """All purchases that were answered as done, warm-up and late answers included."""
        return sum(path.acknowledged for path in self.paths.values())


async def measure(cluster: Cluster, plan: GrowthPlan, history: History, say: Say) -> list[Grown]:
    """Measure all databases round by round, then audit them; return them in the plan's order."""
    grown = []
    async with AsyncExitStack() as opened:
        for entries in plan.entries:
            path = BatchesOn(entries)
            # One source of orders for both paths, so that nobody meets a reward twice.
            one = Grown(
                entries,
                site_of(cluster, path, history.sizes),
                history.orders_from(entries // ENTRIES_PER_PURCHASE),
            )
            for buyer in (path, ByEngine()):
                await buyer.open(one.site)
                opened.push_async_callback(buyer.close)
                one.paths[buyer.name] = buyer
            grown.append(one)
        before = {one.entries: _tally(one) for one in grown}
        for number in range(plan.rounds):
            turned = number % len(grown)
            for one in (*grown[turned:], *grown[:turned]):
                say(f"Round {number + 1} of {plan.rounds}, {one.entries:,} entries …")
                await _round(one, plan, number)
    for one in grown:
        now = _tally(one)
        one.left_behind = {name: now[name].since(before[one.entries][name]) for name in now}
        say(f"Auditing {one.entries:,} entries …")
        one.audit = await run_audit(one.site.url, Settings())
    return grown


async def _round(one: Grown, plan: GrowthPlan, number: int) -> None:
    with psycopg.connect(one.site.url, autocommit=True) as connection:
        for name, path in one.paths.items():
            before = read_wal(connection)
            load = await closed_loop(
                path,
                one.orders,
                _CALLERS[name],
                plan.load_seconds,
                plan.warm_up_seconds,
                one.site.database_pid,
            )
            one.loads.setdefault(name, []).append(load)
            one.wal.setdefault(name, []).append(read_wal(connection).since(before))
    for name, latencies in _read(one.site, plan.reads, number).items():
        one.reads.setdefault(name, []).extend(latencies)


def _read(site: Site, times: int, seed: int) -> dict[str, list[float]]:
    """Read pages and balances of wallets in no order, and return how long each took, in seconds."""
    chance = random.Random(seed)
    took: dict[str, list[float]] = {}
    with psycopg.connect(site.url, autocommit=True, prepare_threshold=0) as connection:
        for number in range(-10, times):
            place = chance.randrange(site.sizes.buyers)
            owner = identity(chance.choice(("buyer", "seller")), place)
            row = connection.execute(_READS["balance"], {"owner": owner}).fetchone()
            assert row is not None
            middle = {"owner": owner, "page": _PAGE, "seq": row[0]["seq"] // 2 + 1}
            for name, query in _READS.items():
                begun = time.perf_counter()
                connection.execute(query, middle).fetchone()
                if number >= 0:  # the first few plan
                    took.setdefault(name, []).append(time.perf_counter() - begun)
    return took


def _tally(one: Grown) -> dict[str, Tally]:
    with psycopg.connect(one.site.url, autocommit=True) as connection:
        return tally(connection)
