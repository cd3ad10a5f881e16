"""`python -m bench.growth`: the same purchases and reads beside histories of different lengths."""

import argparse
import sys
import time
from pathlib import Path

import uvloop
from rich.console import Console

from bench.growth_fill import make_histories
from bench.growth_measure import GrowthPlan, measure
from bench.growth_orders import History, growth_sizes
from bench.growth_report import as_json, shortcomings, write_json
from bench.growth_terminal import show
from bench.machine import describe_machine
from bench.prepare import running_cluster

_RESULTS = Path(__file__).parent / "results"
# Ten million entries take some seven gigabytes, with the WAL of their making.
_ENTRIES_MAX = 50_000_000


def main() -> int:
    """Return 0 when everything is as fast as it is expected to be, and the audit is clean."""
    default = GrowthPlan()
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument(
        "--entries",
        default=",".join(map(str, default.entries)),
        help="sizes to compare, separated by commas; the smallest is what others are compared with",
    )
    parser.add_argument("--people", type=int, default=10_000, help="buyers, and as many sellers")
    parser.add_argument("--rounds", type=int, default=default.rounds)
    parser.add_argument(
        "--seconds", type=float, default=default.load_seconds, help="of each load in each round"
    )
    parser.add_argument("--results", type=Path, default=_RESULTS, help="directory of JSON files")
    given = parser.parse_args()
    entries = sorted({int(text) for text in given.entries.split(",")})
    if entries[0] < 2 or entries[-1] > _ENTRIES_MAX:
        parser.error(f"There can be from 2 to {_ENTRIES_MAX:,} entries.")
    plan = GrowthPlan(
        entries=tuple(entries),
        rounds=min(max(1, given.rounds), 50),
        load_seconds=min(max(0.1, given.seconds), 120.0),
    )
    try:
        history = History(growth_sizes(given.people))
    except ValueError as error:
        parser.error(str(error))
    return _run(plan, history, given.results)


def _run(plan: GrowthPlan, history: History, results: Path) -> int:
    console = Console(width=None if sys.stdout.isatty() else 160)

    def say(words: str) -> None:
        console.print(words, style="dim")

    begun = time.monotonic()
    with running_cluster() as cluster:
        machine = describe_machine(cluster.url())
        say("Filling the databases …")
        make_histories(cluster, plan.entries, history.sizes, say)
        grown = uvloop.run(measure(cluster, plan, history, say))
    report = as_json(grown, plan, machine, time.monotonic() - begun)
    show(report, console)
    console.print(f"\n{write_json(report, results)}")
    missed = shortcomings(report)
    for words in missed:
        console.print(f"NOT REACHED: {words}", style="bold red")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
