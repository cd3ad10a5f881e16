"""The result as one JSON value. Everything that is shown of a run is made from it."""

import json
from pathlib import Path
from typing import Any

from bench.carts import report as carts
from bench.comparisons import Finding, findings
from bench.load import Load, Spread
from bench.orders import POOR_PURCHASES
from bench.paths.path import Buyer
from bench.run import Run

FORMAT = "bursar-bench/3"
# The kernel's own work for the disk and the network counts as others'; more than this is somebody.
NOISE_MAX = 0.3


def as_json(run: Run) -> dict[str, Any]:
    """Return everything as one JSON value. Spreads are [median, smallest, largest]."""
    noise = Spread.of([load.other_cpu for loads in run.loads.values() for load in loads]).median
    return {
        "format": FORMAT,
        "date": run.machine.get("date"),
        "seconds": round(run.seconds, 1),
        "machine": run.machine,
        "noise_cpu": round(noise, 2),
        "noisy": noise > NOISE_MAX,
        "plan": _plan(run),
        "paths": _paths(run),
        "figures": [
            {"path": path, "scenario": scenario, "callers": callers} | _figures(loads)
            for (path, scenario, callers), loads in run.loads.items()
        ],
        "open_loops": [
            {
                "path": path,
                "scenario": scenario,
                "share_of_peak": run.plan.open_share,
                "connections": run.plan.open_connections,
                "planned_per_second": Spread.of([load.rate for load in loads]).as_list(),
            }
            | _figures(loads)
            for (path, scenario), loads in run.open_loads.items()
        ],
        "lone_ms": {path: Spread.of(medians).as_list() for path, medians in run.lone.items()},
        "comparisons": [_comparison(finding) for finding in findings(run)],
        "poor_buyer": {
            "could_pay_for": POOR_PURCHASES,
            "paths": {
                path: {"sold": load.done, "refused": load.refused, "failed": load.failed}
                for path, load in run.poor.items()
            },
        },
        "wrong_results": {path: audit.as_dict() for path, audit in run.audits.items()},
        "wrong_paths": run.wrong_paths,
        "storage": run.storage,
        "carts": None if run.carts is None else carts.as_json(run.carts),
    }


def write_json(document: dict[str, Any], directory: Path) -> Path:
    """Write the document to a file named by its date, and return the file's path."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp = document["date"].replace(":", "").replace("+0000", "Z")
    path = directory / f"{stamp}-{document['plan']['mode']}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return path


def _plan(run: Run) -> dict[str, Any]:
    plan, sizes = run.plan, run.plan.sizes
    return {
        "mode": plan.mode,
        "rounds": plan.rounds,
        "rounds_done": run.rounds,
        "cell_seconds": round(run.cell_seconds, 3),
        "warm_up_seconds": plan.warm_up_seconds,
        "buyers": sizes.buyers,
        "sellers": sizes.sellers,
        "rewards": sizes.rewards,
    }


def _paths(run: Run) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "title": path.title,
            "kind": path.kind,
            "says": path.says,
            "per_call": path.per_call if isinstance(path, Buyer) else 1,
            "expects_wrong_results": path.expects_wrong_results,
            "skipped": run.skipped.get(name),
        }
        for name, path in run.paths.items()
    }


def _figures(loads: list[Load]) -> dict[str, Any]:
    def spread(name: str) -> list[float]:
        return Spread.of([getattr(load, name) for load in loads]).as_list()

    trips = [load.round_trips_per_purchase for load in loads]
    counted = [value for value in trips if value is not None]
    return {
        "rounds": len(loads),
        "purchases": sum(load.purchases for load in loads),
        "purchases_per_second": spread("per_second"),
        **{
            f"p{percent}_ms": Spread.of([load.percentile(percent) for load in loads]).as_list()
            for percent in (50, 95, 99)
        },
        "client_cpu": spread("client_cpu"),
        "server_cpu": spread("server_cpu"),
        "database_cpu": spread("database_cpu"),
        "other_cpu": spread("other_cpu"),
        "database_us_per_purchase": spread("database_microseconds"),
        "wal_bytes_per_purchase": spread("wal_bytes_per_purchase"),
        "round_trips_per_purchase": Spread.of(counted).as_list() if counted else None,
        "refused": sum(load.refused for load in loads),
        "failed": sum(load.failed for load in loads),
        "first_failure": next((load.first_failure for load in loads if load.first_failure), ""),
    }


def _comparison(finding: Finding) -> dict[str, Any]:
    comparison, spread = finding.comparison, finding.spread
    return {
        "key": comparison.key,
        "group": comparison.group,
        "words": comparison.words,
        "value": None if spread is None else spread.as_list(),
        "rounds": len(finding.values),
        "target": finding.target,
        "sense": None
        if finding.target is None
        else ("at_most" if comparison.at_least is None else "at_least"),
        "met": finding.met,
    }
