"""`python -m bench.claims`: claims beside purchases of rewards, 32 callers, in one run.

Prints a table, or JSON with `--json`. Exit code 0: every answer is what the database says, and p95
of claims is at most twice that of purchases, as the median of the rounds.
"""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from bench.claims.measure import KINDS, ClaimPlan, Measured, measure
from bench.load import Spread
from bench.prepare import running_cluster

AT_MOST = 2.0
# What has to be within it; the others are good to know.
TARGETS = ("shield", "booster")


def as_json(result: Measured) -> dict[str, Any]:
    """Return everything that was measured; a spread is median, smallest and largest."""

    def spreads(found: dict[str, list[float]]) -> dict[str, list[float]]:
        return {kind: Spread.of(values).as_list() for kind, values in found.items()}

    return {
        "plan": asdict(result.plan),
        "per_second": spreads(result.per_second),
        "p50_ms": spreads(result.p50),
        "p95_ms": spreads(result.p95),
        "p99_ms": spreads(result.p99),
        "p95_ratio": {kind: result.ratio(kind).as_list() for kind in KINDS},
        "lone_ms": result.lone_ms,
        "round_trips": result.round_trips,
        "done": result.done,
        "wrong": result.wrong,
        "met": met(result),
    }


def met(result: Measured) -> bool:
    """Whether claims are as fast as they are to be, and nothing is wrong."""
    return result.wrong == 0 and all(result.ratio(kind).median <= AT_MOST for kind in TARGETS)


def _table(result: Measured) -> Table:
    table = Table(title=f"{result.plan.callers} callers, {result.plan.rounds} rounds")
    for heading in ("", "a second", "p50 ms", "p95 ms", "p99 ms", "p95 / reward", "lone ms",
                    "round trips"):  # fmt: skip
        table.add_column(heading, justify="right" if heading else "left")
    for kind, words in KINDS.items():
        ratio = result.ratio(kind)
        table.add_row(
            words,
            f"{Spread.of(result.per_second[kind]).median:,.0f}",
            *(f"{Spread.of(p[kind]).median:.1f}" for p in (result.p50, result.p95, result.p99)),
            f"{ratio.median:.2f} ({ratio.smallest:.2f}–{ratio.largest:.2f})",
            f"{result.lone_ms[kind]:.2f}",
            f"{result.round_trips[kind]:.2f}",
        )
    return table


def main() -> int:
    """Measure, print, and say whether it is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=ClaimPlan().rounds)
    parser.add_argument("--callers", type=int, default=ClaimPlan().callers)
    chosen = parser.parse_args()
    plan = ClaimPlan(rounds=chosen.rounds, callers=chosen.callers)
    with running_cluster() as cluster:
        result = uvloop.run(measure(cluster, plan))
    if chosen.json:
        print(json.dumps(as_json(result), indent=2))
    else:
        Console().print(_table(result), f"Wrong results: {result.wrong}.")
    return 0 if met(result) else 1


if __name__ == "__main__":
    sys.exit(main())
