"""One run: start everything, measure round by round, audit, stop everything."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bench.audit import Audit, audit_path
from bench.machine import describe_machine
from bench.measure import Load, put_load_on
from bench.orders import Order, Orders
from bench.paths.path import Path
from bench.prepare import SERVICE_ROLE, make_databases, make_templates, running_cluster
from bench.schedule import LONE_PATHS, PATHS, Plan, cell_seconds, cells
from bursar.db.embedded import Cluster

Say = Callable[[str], None]
CellName = tuple[str, str, int]


@dataclass(slots=True)
class Run:
    """What was measured.

    `loads` has one load for each round of a cell, `lone` the median milliseconds of each round,
    `poor` what many callers got for one buyer's small money.
    """

    plan: Plan
    machine: dict[str, Any] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    loads: dict[CellName, list[Load]] = field(default_factory=dict)
    poor: dict[str, Load] = field(default_factory=dict)
    lone: dict[str, list[float]] = field(default_factory=dict)
    audits: dict[str, Audit] = field(default_factory=dict)
    expected_wrong: set[str] = field(default_factory=set)
    cell_seconds: float = 0.0
    seconds: float = 0.0


async def run(plan: Plan, say: Say) -> Run:
    """Measure everything in the plan and return it."""
    begun = time.monotonic()
    result = Run(plan)
    paths = [make() for make in PATHS]
    with running_cluster() as cluster:
        say("Making the databases …")
        make_templates(cluster, plan.sizes)
        make_databases(cluster, [(path.database, path.template) for path in paths])
        result.machine = describe_machine(cluster.url())
        async with AsyncExitStack() as opened:
            orders = {path.name: Orders(plan.sizes) for path in paths}
            for path in paths:
                path.database_pid = cluster.pid
                await path.open(
                    cluster.url(database=path.database),
                    cluster.url(SERVICE_ROLE, path.database),
                    orders[path.name].buyers(),
                )
                opened.push_async_callback(path.close)
                result.titles[path.name] = path.title
            gc.freeze()
            await _measure_rounds(paths, orders, plan, result, begun, say)
            say("Buying on too little money …")
            for path in paths:
                poor = orders[path.name].of("poor")
                result.poor[path.name] = await put_load_on(
                    path, poor, plan.poor_callers, plan.reserve_seconds / 5
                )
        say("Auditing …")
        _audit(cluster, paths, result)
    result.seconds = time.monotonic() - begun
    return result


async def _measure_lone(
    paths: list[Path], orders: dict[str, Orders], plan: Plan, result: Run
) -> None:
    """Let a lone caller buy by one path after the other, in short blocks, so that noise is shared.

    Appends each path's median latency in milliseconds.
    """
    chosen = [path for path in paths if path.name in LONE_PATHS]
    took: dict[str, list[float]] = {path.name: [] for path in chosen}
    for block in range(plan.lone_blocks + 1):
        for path in chosen[block % len(chosen) :] + chosen[: block % len(chosen)]:
            block_took = await _block(path, orders[path.name].of("spread"), plan.lone_calls)
            if block:  # the first is the warm-up
                took[path.name] += block_took
    for name, milliseconds in took.items():
        result.lone.setdefault(name, []).append(statistics.median(milliseconds))


async def _block(path: Path, orders: Iterator[Order], calls: int) -> list[float]:
    """Return the latencies of so many calls, in milliseconds."""
    took = []
    for order in islice(orders, calls):
        begun = time.perf_counter()
        path.acknowledged += await path.buy([order])
        took.append(1000 * (time.perf_counter() - begun))
    return took


async def _measure_rounds(
    paths: list[Path], orders: dict[str, Orders], plan: Plan, result: Run, begun: float, say: Say
) -> None:
    result.cell_seconds = seconds = cell_seconds(paths, plan, begun)
    for number in range(plan.rounds):
        say(f"Round {number + 1} of {plan.rounds}, {seconds:.2f} s for each path and load …")
        await _measure_lone(paths, orders, plan, result)
        for cell in cells(paths, plan, number):
            if time.monotonic() - begun > plan.budget_seconds - plan.reserve_seconds / 2:
                say("Out of time: the rest of this round is left out.")
                return
            gc.collect()
            load = await put_load_on(
                cell.path,
                orders[cell.path.name].of(cell.scenario),
                cell.callers,
                seconds,
                plan.warm_up_seconds,
            )
            name = (cell.path.name, cell.scenario, cell.callers)
            result.loads.setdefault(name, []).append(load)


def _audit(cluster: Cluster, paths: list[Path], result: Run) -> None:
    for path in paths:
        result.audits[path.name] = audit_path(
            cluster.url(database=path.database),
            path.acknowledged,
            with_ledger=path.template == "template_bursar",
        )
        if path.expects_wrong_results:
            result.expected_wrong.add(path.name)
