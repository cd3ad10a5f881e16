"""What `bursar bench` and `python -m bench` do: measure, audit, keep the result, write the page."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from bench.document import as_json, write_json
from bench.page import write_page
from bench.paths.path import Path as BuyingPath
from bench.paths.registry import make_paths
from bench.plan import FULL, QUICK, Plan
from bench.run import OnStep, Run, run

RESULTS = Path(__file__).parent / "results"
# Below this a cell measures nothing but chance.
_CELL_SECONDS_MIN = 0.1


def benchmark(
    *,
    full: bool,
    only: Sequence[str],
    pgledger: Path | None,
    seconds: float | None,
    rounds: int | None,
    on_step: OnStep,
) -> dict[str, Any]:
    """Measure and return the document.

    `seconds` and `rounds` replace those of the mode. Carts are measured unless `only` or `seconds`
    ask for less than everything. Raises `ValueError` when `only` names a path
    that does not exist, and `KeyboardInterrupt` when the process was told to stop, by whatever
    signal; everything that was started is stopped and removed by then.
    """
    paths = make_paths(only, pgledger)
    plan = plan_of(full=full, seconds=seconds, rounds=rounds)
    if only:
        plan = replace(plan, carts=None)
    try:
        return as_json(uvloop.run(_until_told(plan, paths, on_step)))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_told(plan: Plan, paths: Sequence[BuyingPath], on_step: OnStep) -> Run:
    """Run; when told to stop, stop what was started and remove it before the process ends."""
    task = asyncio.ensure_future(run(plan, paths, on_step))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


def plan_of(*, full: bool, seconds: float | None, rounds: int | None) -> Plan:
    """Return the plan of a mode, made shorter or longer where that is asked for."""
    plan = FULL if full else QUICK
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    if seconds is not None:
        plan = replace(
            plan,
            budget_seconds=seconds,
            cell_seconds_min=_CELL_SECONDS_MIN,
            reserve_seconds=min(plan.reserve_seconds, seconds / 4),
            carts=None,
        )
    return plan


def keep(document: dict[str, Any], results: Path | None, report: Path | None) -> list[Path]:
    """Write the JSON file into `results` and the page to `report`; return what was written."""
    written = [write_json(document, results or RESULTS)]
    if report is not None:
        write_page(document, report)
        written.append(report)
    return written
