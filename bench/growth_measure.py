"""The measurement: databases of all sizes in one cluster, taking turns in every round."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg

from bench.growth_fill import ENTRIES_PER_PURCHASE, database_of
from bench.growth_orders import History
from bench.growth_upkeep import Tally, Wal, read_wal, tally
from bench.measure import Load, put_load_on
from bench.orders import Order, Sizes, identity
from bench.paths.by_engine import ByEngine
from bench.paths.by_sql import SqlBatch
from bench.paths.path import Path
from bench.prepare import SERVICE_ROLE
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
    """How much and how long. Every round puts two loads on each database, then reads."""

    entries: tuple[int, ...] = (10_000, 1_000_000, 10_000_000)
    rounds: int = 5
    load_seconds: float = 6.0
    warm_up_seconds: float = 1.0
    reads: int = 300


@dataclass(slots=True)
class Site:
    """One database: its ways to buy, its next orders, and all that was measured on it.

    `loads`, `bought` and `wal` have one value for each round, by path: what was counted, and all
    that was done with the WAL of it, warm-up included. `reads` are all latencies in seconds.
    """

    entries: int
    url: str
    sizes: Sizes
    paths: dict[str, Path] = field(default_factory=dict)
    orders: Iterator[Order] = field(default_factory=lambda: iter(()))
    loads: dict[str, list[Load]] = field(default_factory=dict)
    bought: dict[str, list[int]] = field(default_factory=dict)
    wal: dict[str, list[Wal]] = field(default_factory=dict)
    reads: dict[str, list[float]] = field(default_factory=dict)
    left_behind: dict[str, Tally] = field(default_factory=dict)
    audit: Report | None = None

    @property
    def purchases(self) -> int:
        """All purchases that were answered as done, warm-up and late answers included."""
        return sum(path.acknowledged for path in self.paths.values())


async def measure(cluster: Cluster, plan: GrowthPlan, history: History, say: Say) -> list[Site]:
    """Measure all databases round by round, then audit them; return them in the plan's order."""
    sites = []
    async with AsyncExitStack() as opened:
        for entries in plan.entries:
            site = Site(entries, cluster.url(database=database_of(entries)), history.sizes)
            # One source for both paths, so that nobody meets a reward twice.
            site.orders = history.orders_from(entries // ENTRIES_PER_PURCHASE)
            service_url = cluster.url(SERVICE_ROLE, database_of(entries))
            for path in (SqlBatch(), ByEngine()):
                path.database_pid = cluster.pid
                await path.open(site.url, service_url, [])
                opened.push_async_callback(path.close)
                site.paths[path.name] = path
            sites.append(site)
        before = {site.entries: _tally(site) for site in sites}
        for number in range(plan.rounds):
            turned = number % len(sites)
            for site in (*sites[turned:], *sites[:turned]):
                say(f"Round {number + 1} of {plan.rounds}, {site.entries:,} entries …")
                await _round(site, plan, number)
    for site in sites:
        now = _tally(site)
        site.left_behind = {name: now[name].since(before[site.entries][name]) for name in now}
        say(f"Auditing {site.entries:,} entries …")
        site.audit = await run_audit(site.url, Settings())
    return sites


async def _round(site: Site, plan: GrowthPlan, number: int) -> None:
    with psycopg.connect(site.url, autocommit=True) as watch:
        for name, path in site.paths.items():
            before, done = read_wal(watch), path.acknowledged
            load = await put_load_on(
                path, site.orders, _CALLERS[name], plan.load_seconds, plan.warm_up_seconds
            )
            site.loads.setdefault(name, []).append(load)
            site.bought.setdefault(name, []).append(path.acknowledged - done)
            site.wal.setdefault(name, []).append(read_wal(watch).since(before))
    for name, latencies in _read(site, plan.reads, number).items():
        site.reads.setdefault(name, []).extend(latencies)


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


def _tally(site: Site) -> dict[str, Tally]:
    with psycopg.connect(site.url, autocommit=True) as connection:
        return tally(connection)
