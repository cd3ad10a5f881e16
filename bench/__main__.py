"""`python -m bench`: run the benchmark, print the report, keep the JSON."""

import argparse
import sys
from pathlib import Path

import uvloop
from rich.console import Console

from bench.report import show, write_json
from bench.run import run
from bench.schedule import Plan

_RESULTS = Path(__file__).parent / "results"
_BUDGET_MAX = 285.0
_ROUNDS_MAX = 10


def main() -> int:
    """Return 0 when no path gave a wrong result but those that are here to give some."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=_BUDGET_MAX,
        help="all of it together, at most 285; a minute gives a first impression",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", default="1,8,32,128", help="separated by commas")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="directory of JSON files")
    given = parser.parse_args()
    budget = min(given.seconds, _BUDGET_MAX)
    plan = Plan(
        budget_seconds=budget,
        rounds=min(max(1, given.rounds), _ROUNDS_MAX),
        callers=tuple(int(text) for text in given.callers.split(",")),
        reserve_seconds=min(45.0, budget / 3),
    )
    console = Console(width=None if sys.stdout.isatty() else 140)
    result = uvloop.run(run(plan, lambda words: console.print(words, style="dim")))
    show(result, console)
    console.print(f"\n{write_json(result, given.results)}")
    wrong = [
        path
        for path, audit in result.audits.items()
        if audit.wrong and path not in result.expected_wrong
    ]
    if wrong:
        console.print(f"WRONG RESULTS: {', '.join(wrong)}", style="bold red")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
