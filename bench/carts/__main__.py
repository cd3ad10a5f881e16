"""`python -m bench.carts`: a cart in one call, beside the loop that it replaces.

Everything in one run on one embedded PostgreSQL, in rounds in which all ways take turns. Exit code
0: no way gave a wrong result but the one that is here to give some.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.carts.measure import measure
from bench.carts.plan import FULL, SHORT
from bench.carts.report import as_json, write_json
from bench.carts.terminal import views
from bench.machine import describe_machine
from bench.prepare import running_cluster
from bench.words import machine_text

_RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    """Return 0 when nothing went wrong."""
    parser = argparse.ArgumentParser(prog="bench.carts", description=__doc__)
    parser.add_argument("--short", action="store_true", help="as `bursar bench` does it")
    parser.add_argument("--rounds", type=int, help="rounds, instead")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="directory of JSON files")
    given = parser.parse_args()
    plan = SHORT if given.short else FULL
    if given.rounds is not None:
        plan = replace(plan, rounds=min(max(1, given.rounds), 100))
    progress = Console(stderr=True)
    with running_cluster() as cluster:
        machine = describe_machine(cluster.url())
        measured = measure(cluster, plan, lambda words: progress.print(f"{words} …", style="dim"))
    document = {"machine": machine} | as_json(measured)
    if given.json:
        print(json.dumps(document))
    else:
        console = Console(width=None if sys.stdout.isatty() else 160)
        console.print(
            f"{machine_text(machine)}, {plan.rounds} rounds, {measured.seconds:.0f} s in all"
        )
        console.print(*views(document), sep="\n")
    progress.print(str(write_json(document, given.results)), markup=False)
    return 1 if measured.wrong_ways else 0


if __name__ == "__main__":
    raise SystemExit(main())
