"""What `bursar bench` and `python -m bench` do: measure, audit, keep the result, write the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from bench.document import as_json, write_json
from bench.page import write_page
from bench.paths.registry import make_paths
from bench.plan import FULL, QUICK, Plan
from bench.run import OnStep, run

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

    `seconds` and `rounds` replace those of the mode. Raises `ValueError` when `only` names a path
    that does not exist.
    """
    paths = make_paths(only, pgledger)
    result = uvloop.run(run(plan_of(full=full, seconds=seconds, rounds=rounds), paths, on_step))
    return as_json(result)


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
        )
    return plan


def keep(document: dict[str, Any], results: Path | None, report: Path | None) -> list[Path]:
    """Write the JSON file into `results` and the page to `report`; return what was written."""
    written = [write_json(document, results or RESULTS)]
    if report is not None:
        write_page(document, report)
        written.append(report)
    return written
