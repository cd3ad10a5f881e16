"""The report: tables for people, a JSON file for machines."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Load
from bench.orders import POOR_PURCHASES
from bench.ratios import Spread, figure, ratios
from bench.run import Run

# The kernel's own work for the disk and the network counts as others'; more than this is somebody.
NOISE_MAX = 0.3


def show(run: Run, console: Console) -> None:
    """Print everything: the machine, the figures, the lone caller, the ratios, wrong results."""
    machine = run.machine
    console.print(
        f"\n{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" PostgreSQL {machine['postgres']['server_version']}, fsync"
        f" {machine['postgres']['fsync']}: {machine['fsync_ms']['median']} ms"
        f" (p95 {machine['fsync_ms']['p95']}), load before {machine['load_average_before']},"
        f" {machine['date']}, {run.seconds:.0f} s in all\n"
    )
    if noise(run) > NOISE_MAX:
        console.print(
            f"NOISY: other programs kept {noise(run):.1f} of {machine['cores']} processors busy."
            " Run it again on a quiet machine before you believe it.\n",
            style="bold yellow",
        )
    for scenario in dict.fromkeys(name[1] for name in run.loads):
        console.print(_load_table(run, scenario))
    console.print(_lone_table(run))
    console.print(_ratio_table(run))
    console.print(_audit_table(run))


def noise(run: Run) -> float:
    """Return how many processors other programs kept busy, as the median over all rounds."""
    return Spread.of([load.other_cpu for loads in run.loads.values() for load in loads]).median


def as_json(run: Run) -> dict[str, Any]:
    """Return everything as one JSON value. Spreads are [median, smallest, largest]."""
    figures = []
    for (path, scenario, callers), loads in run.loads.items():
        name = (path, scenario, callers)
        figures.append(
            {
                "path": path,
                "scenario": scenario,
                "callers": callers,
                "rounds": len(loads),
                "purchases_per_second": figure(run, name, lambda load: load.per_second).as_list(),
                **{
                    f"p{percent}_ms": figure(run, name, _percentile(percent)).as_list()
                    for percent in (50, 95, 99)
                },
                "client_cpu": figure(run, name, lambda load: load.client_cpu).as_list(),
                "server_cpu": figure(run, name, lambda load: load.server_cpu).as_list(),
                "database_cpu": figure(run, name, lambda load: load.database_cpu).as_list(),
                "other_cpu": figure(run, name, lambda load: load.other_cpu).as_list(),
                "database_us_per_purchase": figure(
                    run, name, lambda load: load.database_microseconds
                ).as_list(),
                "refused": sum(load.refused for load in loads),
                "failed": sum(load.failed for load in loads),
                "first_failure": next((x.first_failure for x in loads if x.first_failure), ""),
            }
        )
    return {
        "machine": run.machine,
        "plan": {
            "rounds": run.plan.rounds,
            "cell_seconds": round(run.cell_seconds, 3),
            "callers": list(run.plan.callers),
            "buyers": run.plan.sizes.buyers,
            "sellers": run.plan.sizes.sellers,
            "rewards": run.plan.sizes.rewards,
        },
        "seconds": round(run.seconds, 1),
        "noise_cpu": round(noise(run), 2),
        "paths": run.titles,
        "figures": figures,
        "lone_ms": {path: Spread.of(blocks).as_list() for path, blocks in run.lone.items()},
        "poor_buyer": {
            "could_pay_for": POOR_PURCHASES,
            **{
                path: {"sold": load.purchases, "refused": load.refused, "failed": load.failed}
                for path, load in run.poor.items()
            },
        },
        "ratios": {words: spread.as_list() for words, spread in ratios(run).items()},
        "wrong_results": {path: audit.as_dict() for path, audit in run.audits.items()},
    }


def write_json(run: Run, directory: Path) -> Path:
    """Write the JSON file, named by its date, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp = run.machine["date"].replace(":", "").replace("+0000", "Z")
    path = directory / f"{stamp}.json"
    path.write_text(json.dumps(as_json(run), indent=1) + "\n", "utf-8")
    return path


def _percentile(percent: int) -> Any:
    return lambda load: load.percentile(percent)


def _load_table(run: Run, scenario: str) -> Table:
    title = {"spread": f"Spread over {run.plan.sizes.buyers:,} wallets", "hot": "One hot wallet"}
    table = Table(title=title[scenario], title_justify="left")
    table.add_column("path")
    for words in (
        "callers",
        "purchases/s (min–max)",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "client",
        "server",
        "database",
        "other",
        "db µs",
        "not done",
    ):
        table.add_column(words, justify="right")
    for path in run.titles:
        for callers in run.plan.callers:
            loads = run.loads.get((path, scenario, callers))
            if loads:
                table.add_row(
                    run.titles[path],
                    str(callers),
                    *_load_cells(run, loads, (path, scenario, callers)),
                )
        table.add_section()
    return table


def _load_cells(run: Run, loads: list[Load], name: tuple[str, str, int]) -> list[str]:
    cells = [figure(run, name, lambda load: load.per_second).text(0)]
    cells += [f"{figure(run, name, _percentile(p)).median:.1f}" for p in (50, 95, 99)]
    for part in (
        lambda load: load.client_cpu,
        lambda load: load.server_cpu,
        lambda load: load.database_cpu,
        lambda load: load.other_cpu,
    ):
        cells.append(f"{figure(run, name, part).median:.0%}")
    cells.append(f"{figure(run, name, lambda load: load.database_microseconds).median:.0f}")
    cells.append(str(sum(load.failed + load.refused for load in loads)))
    return cells


def _lone_table(run: Run) -> Table:
    table = Table(title="A lone caller: median latency, short blocks in turn", title_justify="left")
    table.add_column("path")
    table.add_column("ms (min–max)", justify="right")
    for path in run.titles:
        if path in run.lone:
            table.add_row(run.titles[path], Spread.of(run.lone[path]).text())
    return table


def _ratio_table(run: Run) -> Table:
    table = Table(title="Ratios within this run", title_justify="left")
    table.add_column("ratio")
    table.add_column("median (min–max)", justify="right")
    for words, spread in ratios(run).items():
        table.add_row(words, spread.text())
    return table


def _audit_table(run: Run) -> Table:
    table = Table(title="Wrong results over the whole run", title_justify="left")
    table.add_column("path")
    for words in ("purchases", "unaccounted", "lost updates", "oversold", "ledger", "wrong"):
        table.add_column(words, justify="right")
    for path, audit in run.audits.items():
        table.add_row(run.titles[path], *(f"{count:,}" for count in audit.as_dict().values()))
    return table
