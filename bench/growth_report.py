"""What is told about growth: figures as JSON, and what of the expected is not reached."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.growth_measure import Grown, GrowthPlan
from bench.load import Spread, percentile

# What is expected of the larger, beside the smallest.
RATIO_MIN, READ_MS_MAX, AUDIT_SECONDS_MAX = 0.85, 5.0, 60.0


def as_json(
    grown: Sequence[Grown], plan: GrowthPlan, machine: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Return everything as one JSON value. Spreads are [median, smallest, largest]."""
    sizes = grown[0].site.sizes
    return {
        "machine": machine,
        "plan": asdict(plan),
        "wallets": sizes.buyers + sizes.sellers,
        "seconds": round(seconds, 1),
        "sizes": [_one_json(one, grown[0]) for one in grown],
    }


def write_json(report: dict[str, Any], directory: Path) -> Path:
    """Write the JSON file, named by its date, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp = report["machine"]["date"].replace(":", "").replace("+0000", "Z")
    path = directory / f"growth-{stamp}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return path


def shortcomings(report: dict[str, Any]) -> list[str]:
    """Return what of the expected is not reached, in words."""
    said = []
    for size in report["sizes"]:
        at = f"at {size['entries']:,} entries."
        for path in size["paths"].values():
            ratio = path["beside_the_smallest"][0]
            if ratio < RATIO_MIN:
                said.append(f"{path['title']}: {ratio:.2f} times the smallest {at}")
        for name, took in size["reads_ms"].items():
            if took["p95"] > READ_MS_MAX:
                said.append(f"{name}: p95 is {took['p95']:.1f} ms {at}")
        if size["audit"]["seconds"] > AUDIT_SECONDS_MAX:
            said.append(f"The audit took {size['audit']['seconds']:.0f} s {at}")
        if size["audit"]["findings"]:
            said.append(f"The audit has {size['audit']['findings']} findings {at}")
    return said


def _one_json(one: Grown, base: Grown) -> dict[str, Any]:
    audit = one.audit
    assert audit is not None
    bytes_grown = sum(left.table_bytes + left.index_bytes for left in one.left_behind.values())
    return {
        "entries": one.entries,
        "purchases": one.purchases,
        "paths": {name: _path_json(one, base, name) for name in one.paths},
        "reads_ms": {
            name: {f"p{p}": round(1000 * percentile(took, p), 3) for p in (50, 95, 99)}
            for name, took in one.reads.items()
        },
        "left_behind": {name: left.as_dict() for name, left in one.left_behind.items()},
        "disk_bytes_per_purchase": round(bytes_grown / max(1, one.purchases)),
        "audit": {
            "findings": sum(verdict.findings for verdict in audit.verdicts),
            "seconds": round(audit.seconds, 2),
            "invariants": {
                verdict.invariant.name: round(verdict.seconds, 2) for verdict in audit.verdicts
            },
        },
    }


def _path_json(one: Grown, base: Grown, path: str) -> dict[str, Any]:
    loads, wal = one.loads[path], one.wal[path]
    done = max(1, sum(load.done for load in loads))
    # Taken within a round, so that what else the machine did meets both.
    ratios = [
        ours.per_second / theirs.per_second
        for ours, theirs in zip(loads, base.loads[path], strict=True)
        if theirs.per_second
    ]
    return {
        "title": one.paths[path].title,
        "purchases_per_second": _spread([load.per_second for load in loads]),
        "beside_the_smallest": _spread(ratios),
        **{f"p{p}_ms": _spread([load.percentile(p) for load in loads]) for p in (50, 95, 99)},
        "database_us_per_purchase": _spread([load.database_microseconds for load in loads]),
        "other_cpu": _spread([load.other_cpu for load in loads]),
        # Of all rounds together: checkpoints fall into some of them.
        "wal_bytes_per_purchase": round(sum(part.bytes for part in wal) / done),
        "wal_pages_per_purchase": round(sum(part.pages for part in wal) / done, 3),
        "rounds": [
            {
                "purchases_per_second": round(load.per_second),
                "database_us_per_purchase": round(load.database_microseconds, 1),
                "other_cpu": round(load.other_cpu, 2),
                "wal_bytes_per_purchase": round(part.bytes / max(1, load.done)),
                "wal_pages_per_purchase": round(part.pages / max(1, load.done), 3),
            }
            for load, part in zip(loads, wal, strict=True)
        ],
        "checkpoints": sum(part.checkpoints for part in wal),
        "refused": sum(load.refused for load in loads),
        "failed": sum(load.failed for load in loads),
        "first_failure": next((load.first_failure for load in loads if load.first_failure), ""),
    }


def _spread(values: Sequence[float]) -> list[float]:
    return Spread.of(values).as_list()
