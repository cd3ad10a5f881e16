"""One run: start everything, measure round by round, audit, stop everything."""

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bench.audit import Audit, audit_path
from bench.carts.measure import Measured, measure
from bench.load import Load
from bench.machine import describe_machine
from bench.measure import closed_loop
from bench.open_loop import open_loop
from bench.orders import Order, Orders
from bench.paths.path import Buyer, Path, SelfDriven
from bench.plan import LONE_PATHS, Cell, Plan
from bench.prepare import make_databases, running_cluster, site_of
from bench.storage import Table, WriteAheadLog, growth, read_tables
from bursar.db.embedded import Cluster

# What is being done, how much of it is done, and how much there is.
OnStep = Callable[[str, int, int], None]
CellName = tuple[str, str, int]
# Seconds in which everybody has bought from a poor wallet, or never will.
_POOR_SECONDS = 60.0


@dataclass(slots=True)
class Run:
    """What was measured.

    `loads` has one load for each round of a cell, `open_loads` of an open loop, `lone` the median
    milliseconds of each round, `poor` what many callers got for one buyer's small money; `carts`
    is None where they were not asked for.
    """

    plan: Plan
    machine: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    loads: dict[CellName, list[Load]] = field(default_factory=dict)
    open_loads: dict[tuple[str, str], list[Load]] = field(default_factory=dict)
    poor: dict[str, Load] = field(default_factory=dict)
    lone: dict[str, list[float]] = field(default_factory=dict)
    audits: dict[str, Audit] = field(default_factory=dict)
    storage: dict[str, dict[str, Any]] = field(default_factory=dict)
    carts: Measured | None = None
    rounds: int = 0
    cell_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def wrong_paths(self) -> list[str]:
        """The paths that gave wrong results, those left out that are here to give some."""
        wrong = [
            name
            for name, audit in self.audits.items()
            if audit.wrong and not self.paths[name].expects_wrong_results
        ]
        return wrong + (
            [] if self.carts is None else [f"carts: {n}" for n in self.carts.wrong_ways]
        )


async def run(plan: Plan, paths: Sequence[Path], on_step: OnStep) -> Run:
    """Measure everything in the plan by these paths and return it.

    Paths that cannot be measured here are skipped and named.
    """
    begun = time.monotonic()
    result = Run(plan, paths={path.name: path for path in paths})
    result.skipped = {path.name: why for path in paths if (why := path.missing()) is not None}
    present = [path for path in paths if path.name not in result.skipped]
    with running_cluster() as cluster:
        on_step("Making the databases", 0, 0)
        # In a thread: Django does not let itself be asked from an event loop.
        await asyncio.to_thread(make_databases, cluster, present, plan.sizes)
        result.machine = describe_machine(cluster.url())
        tables = {path.name: read_tables(cluster.url(database=path.database)) for path in present}
        async with AsyncExitStack() as opened:
            on_step("Starting the servers", 0, 0)
            await _open(present, cluster, plan, opened)
            log = WriteAheadLog(cluster.url())
            opened.callback(log.close)
            rounds = _Rounds(plan, result, present, cluster.pid, log, begun, on_step)
            await rounds.measure()
        if plan.carts is not None:
            # In a thread: these ways wait for each answer, and have loops of their own.
            result.carts = await asyncio.to_thread(
                measure, cluster, plan.carts, lambda words: on_step(words, 1, 1)
            )
        on_step("Auditing", 1, 1)
        _audit(cluster, present, tables, result)
    result.seconds = time.monotonic() - begun
    return result


async def _open(
    paths: Sequence[Path], cluster: Cluster, plan: Plan, opened: AsyncExitStack
) -> None:
    """Open all paths at once; servers take their time."""

    async def open_one(path: Path) -> None:
        await path.open(site_of(cluster, path, plan.sizes))
        opened.push_async_callback(path.close)

    opening = asyncio.gather(*map(open_one, paths), return_exceptions=True)
    try:
        results = await asyncio.shield(opening)
    except asyncio.CancelledError:
        await opening  # what is half open cannot be closed
        raise
    for result in results:
        if isinstance(result, BaseException):
            raise result


class _Rounds:
    """Measures round by round, and what comes after the rounds while everything is still open."""

    def __init__(
        self,
        plan: Plan,
        result: Run,
        paths: Sequence[Path],
        database_pid: int | None,
        log: WriteAheadLog,
        begun: float,
        on_step: OnStep,
    ) -> None:
        self._plan = plan
        self._result = result
        self._paths = {path.name: path for path in paths}
        self._buyers = {path.name: path for path in paths if isinstance(path, Buyer)}
        self._orders = {name: Orders(plan.sizes) for name in self._paths}
        self._database_pid = database_pid
        self._log = log
        self._begun = begun
        self._on_step = on_step
        self._open = [(name, scenario) for name, scenario in plan.open_loops if name in self._paths]

    async def measure(self) -> None:
        """Measure all rounds, then let everybody buy on too little money."""
        gc.freeze()
        try:
            plan, result = self._plan, self._result
            passed = time.monotonic() - self._begun
            result.cell_seconds = plan.cell_seconds(self._paths, passed)
            for number in range(plan.rounds):
                if self._out_of_time():
                    break
                await self._measure_round(number)
                result.rounds += 1
            self._on_step("Buying on too little money", 1, 1)
            for name, path in self._buyers.items():
                if path.minds_the_money:
                    result.poor[name] = await self._close(path, "poor", plan.poor_callers, 0)
        finally:
            gc.unfreeze()

    async def _measure_round(self, number: int) -> None:
        plan, result = self._plan, self._result
        cells = list(plan.cells(self._paths, number))
        total = plan.rounds * (len(cells) + len(self._open))
        done = number * (len(cells) + len(self._open))
        words = f"Round {number + 1} of {plan.rounds}, {result.cell_seconds:.2f} s for each load"
        self._on_step(words, done, total)
        await self._measure_lone()
        for cell in cells:
            if self._out_of_time():
                return
            load = await self._measure_cell(cell)
            result.loads.setdefault((cell.path, cell.scenario, cell.callers), []).append(load)
            done += 1
            self._on_step(words, done, total)
        for name, scenario in self._open:
            opened = await self._measure_open(name, scenario)
            result.open_loads.setdefault((name, scenario), []).append(opened)
            done += 1
            self._on_step(words, done, total)

    async def _measure_cell(self, cell: Cell) -> Load:
        gc.collect()
        path, plan = self._paths[cell.path], self._plan
        seconds, trips, position = self._result.cell_seconds, path.round_trips, self._log.position()
        if isinstance(path, SelfDriven):
            load = await path.drive(cell.scenario, cell.callers, seconds, plan.warm_up_seconds)
        else:
            load = await self._close(
                self._buyers[cell.path], cell.scenario, cell.callers, plan.warm_up_seconds
            )
        load.wal_bytes = self._log.position() - position
        if trips is not None and path.round_trips is not None:
            load.round_trips = path.round_trips - trips
        return load

    async def _close(self, path: Buyer, scenario: str, callers: int, warm_up: float) -> Load:
        seconds = _POOR_SECONDS if scenario == "poor" else self._result.cell_seconds
        orders = self._orders[path.name].of(scenario)
        return await closed_loop(path, orders, callers, seconds, warm_up, self._database_pid)

    async def _measure_open(self, name: str, scenario: str) -> Load:
        """Let orders arrive at a share of the peak that this round has measured."""
        gc.collect()
        plan, loads = self._plan, self._result.loads
        peak = max(
            (
                measured[-1].per_second
                for (path, kind, _), measured in loads.items()
                if path == name and kind == scenario
            ),
            default=0.0,
        )
        position = self._log.position()
        load = await open_loop(
            self._buyers[name],
            self._orders[name].of(scenario),
            plan.open_connections,
            max(1.0, plan.open_share * peak),
            max(plan.open_seconds_min, self._result.cell_seconds),
            plan.warm_up_seconds,
            self._database_pid,
        )
        load.wal_bytes = self._log.position() - position
        return load

    async def _measure_lone(self) -> None:
        """Let a lone caller buy by one path after the other, in short blocks that share the noise.

        Appends each path's median latency in milliseconds.
        """
        plan, lone = self._plan, self._result.lone
        chosen = [self._buyers[name] for name in LONE_PATHS if name in self._buyers]
        took: dict[str, list[float]] = {path.name: [] for path in chosen}
        for block in range(plan.lone_blocks + 1):
            turned = block % max(1, len(chosen))
            for path in chosen[turned:] + chosen[:turned]:
                orders = self._orders[path.name].of("spread")
                block_took = await _block(path, islice(orders, plan.lone_calls))
                if block:  # the first is the warm-up
                    took[path.name] += block_took
        for name, milliseconds in took.items():
            lone.setdefault(name, []).append(statistics.median(milliseconds))

    def _out_of_time(self) -> bool:
        """Whether even the shortest cells would take far longer than was asked for."""
        passed = time.monotonic() - self._begun
        return passed > 1.3 * self._plan.budget_seconds and self._result.rounds > 0


async def _block(path: Buyer, orders: Iterator[Order]) -> list[float]:
    """Return the latencies of some calls, one after the other, in milliseconds."""
    took = []
    for order in orders:
        begun = time.perf_counter()
        path.acknowledged += await path.buy([order])
        took.append(1000 * (time.perf_counter() - begun))
    return took


def _audit(
    cluster: Cluster, paths: Sequence[Path], tables: dict[str, dict[str, Table]], result: Run
) -> None:
    for path in paths:
        url = cluster.url(database=path.database)
        with_ledger = path.template == "template_bursar"
        audit = audit_path(url, path.acknowledged, with_ledger=with_ledger)
        result.audits[path.name] = audit
        result.storage[path.name] = growth(tables[path.name], read_tables(url), audit.purchases)
