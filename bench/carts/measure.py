"""The measurement: all ways in one run, round by round, then a storm, then an audit."""

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg

from bench.carts.by_engine import ByEngine
from bench.carts.by_http import CartsByHttp
from bench.carts.fill import CLASSIC, NAIVE, OURS, make_databases
from bench.carts.loop import Loop, NaiveLoop
from bench.carts.phases import measure_phases
from bench.carts.plan import CartPlan, Cell
from bench.carts.stock import Stock
from bench.carts.storm import audit, storm
from bench.carts.way import Call, Way
from bench.carts.wire import Wire
from bench.prepare import SERVICE_ROLE
from bench.processors import busy_seconds, precise_seconds, tree_seconds
from bursar.db.embedded import Cluster
from bursar.db.initialise import ADMIN_ROLE

Say = Callable[[str], None]


@dataclass(slots=True)
class Measured:
    """What was measured.

    `ms` has for each cell the median of every round, in milliseconds; `database_ms` the processor
    time of the database for a cart, which noise changes least, where one process does the work.
    `round_trips` has what a cart of a size takes on the wire by a way; `wire_ms` how long the
    shortest question takes on the longer wire; `other_cpu` how many processors others kept busy.
    """

    plan: CartPlan
    ms: dict[Cell, list[float]] = field(default_factory=dict)
    database_ms: dict[Cell, list[float]] = field(default_factory=dict)
    round_trips: dict[tuple[str, int], int] = field(default_factory=dict)
    says: dict[str, tuple[str, str]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    storms: dict[str, dict[str, int]] = field(default_factory=dict)
    audits: dict[str, dict[str, int]] = field(default_factory=dict)
    wire_ms: float = 0.0
    other_cpu: float = 0.0
    seconds: float = 0.0

    @property
    def wrong_ways(self) -> list[str]:
        """The ways that gave wrong results, but for the one that is here to give some."""
        return [name for name, found in self.audits.items() if found["wrong"] and name != "naive"]


def measure(cluster: Cluster, plan: CartPlan, say: Say) -> Measured:
    """Make the databases, and measure everything in the plan."""
    begun = time.monotonic()
    say("Carts: filling the databases")
    make_databases(cluster, plan.stock_needed())
    run = _Run(cluster, plan)
    with ExitStack() as opened:
        run.rounds(opened, say)
        say("Carts: round trips, phases, a storm")
        run.count_round_trips()
        run.time_phases()
    run.storm_and_audit()
    run.result.seconds = time.monotonic() - begun
    return run.result


class _Run:
    """What is under way: how many leads each database has sold, and which are left."""

    def __init__(self, cluster: Cluster, plan: CartPlan) -> None:
        self.result = Measured(plan)
        self._cluster = cluster
        self._plan = plan
        self._stocks = {name: Stock() for name in (OURS, CLASSIC, NAIVE)}
        self._bought = dict.fromkeys(self._stocks, 0)
        self._server_pid = 0

    def rounds(self, opened: ExitStack, say: Say) -> None:
        """Measure all rounds; the first of them only makes plans, and counts for nothing."""
        ways = self._open(opened)
        self.result.says = {name: (way.title, way.says) for name, (way, _) in ways.items()}
        gc.freeze()
        try:
            for number in range(-1, self._plan.rounds):
                if number == 0:
                    begun, before = time.perf_counter(), self._others_seconds()
                say(f"Carts: round {max(1, number + 1)} of {self._plan.rounds}")
                for cell in self._plan.cells(max(0, number)):
                    if cell.way in ways:
                        took, spent = self._measure(cell, *ways[cell.way])
                        if number >= 0:
                            self.result.ms.setdefault(cell, []).append(took)
                        if number >= 0 and spent:
                            self.result.database_ms.setdefault(cell, []).append(spent)
            passed = time.perf_counter() - begun
            self.result.other_cpu = max(0.0, (self._others_seconds() - before) / passed)
        finally:
            gc.unfreeze()

    def _open(self, opened: ExitStack) -> dict[str, tuple[Way, str]]:
        """Open every way that can be measured here, with the database on which it buys."""
        ours, classic = self._url(OURS), self._url(CLASSIC)
        ways: dict[str, tuple[Way, str]] = {
            "call": (Call(ours), OURS),
            "loop": (Loop(classic), CLASSIC),
            "engine": (ByEngine(ours), OURS),
        }
        if not CartsByHttp.missing():
            door = CartsByHttp(ours)
            ways["http"] = (door, OURS)
            self._server_pid = door.server_pid
        for near, url, database in ((Call, ours, OURS), (Loop, classic, CLASSIC)):
            wire = opened.enter_context(Wire(url, self._plan.far_seconds))
            ways[f"{near.name}_far"] = (near(wire.url), database)
            self.result.wire_ms = _lone_question(wire.url)
        for way, database in ways.values():
            opened.callback(self._close, way, database)
        return ways

    def _url(self, database: str) -> str:
        return self._cluster.url(SERVICE_ROLE if database == OURS else ADMIN_ROLE, database)

    def _close(self, way: Way, database: str) -> None:
        way.close()
        self._bought[database] += way.bought

    def _measure(self, cell: Cell, way: Way, database: str) -> tuple[float, float]:
        """Buy some carts. Return the median of how long one took, and the mean of what it cost the
        database, both in milliseconds; 0 where that cannot be told."""
        stock, calls = self._stocks[database], self._plan.calls[cell.size]
        took = []
        before = precise_seconds(way.backend_pid or 0)
        for _ in range(calls):
            leads, buyer = stock.leads(cell.sellers, cell.size), stock.buyer()
            begun = time.perf_counter()
            done = way.buy(buyer, leads)
            took.append(1000 * (time.perf_counter() - begun))
            if not done:
                raise RuntimeError(f"{way.title}: a cart of fresh leads was refused.")
        spent = precise_seconds(way.backend_pid or 0) - before
        return statistics.median(took), 1000 * spent / calls

    def count_round_trips(self) -> None:
        """Count what a cart of each size takes on the wire, once everything is prepared."""
        for kind, database in ((Call, OURS), (Loop, CLASSIC)):
            with Wire(self._url(database)) as wire:
                way = kind(wire.url)
                for size in (*self._plan.sizes[:1] * 2, *self._plan.sizes):
                    stock = self._stocks[database]
                    leads, buyer = stock.leads("one", size), stock.buyer()
                    before = wire.round_trips
                    way.buy(buyer, leads)
                    self.result.round_trips[kind.name, size] = wire.round_trips - before
                self._close(way, database)

    def time_phases(self) -> None:
        """Time the phases inside the database, as its superuser."""
        cells = list(dict.fromkeys((cell.size, cell.sellers) for cell in self._plan.cells(0)))
        url, stock = self._cluster.url(database=OURS), self._stocks[OURS]
        self.result.phases, bought = measure_phases(url, stock, cells, self._plan.phase_carts)
        self._bought[OURS] += bought

    def storm_and_audit(self) -> None:
        """Let many buy the same leads by each way, then compare what is recorded with it."""
        for kind, database in ((Call, OURS), (Loop, CLASSIC), (NaiveLoop, NAIVE)):
            url = self._url(database)
            found = storm(partial(kind, url), self._stocks[database])
            self.result.storms[kind.name] = found
            self.result.audits[kind.name] = audit(
                self._cluster.url(database=database),
                self._bought[database] + found["leads"],
                with_ledger=database == OURS,
            )

    def _others_seconds(self) -> float:
        """Return the processor seconds so far of everybody but us, the server and PostgreSQL."""
        known = time.process_time() + tree_seconds(self._server_pid)
        return busy_seconds() - known - tree_seconds(self._cluster.pid or 0)


def _lone_question(url: str) -> float:
    """Return how long the shortest question takes, in milliseconds."""
    took = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(50):
            begun = time.perf_counter()
            connection.execute("SELECT 1")
            took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)
