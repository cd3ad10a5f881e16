"""The report on growth: one table for people, one JSON file for machines."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.growth_measure import GrowthPlan, Site

_TITLES = {"sql_batch": "SQL, 100 per call, 2 callers", "engine": "engine, 32 callers"}
# What is expected of the largest, beside the smallest.
RATIO_MIN, READ_MS_MAX, AUDIT_SECONDS_MAX = 0.85, 5.0, 60.0
# The kernel's own work for the disk counts as others'; more than this is somebody.
NOISE_MAX = 0.3


def spread(values: Sequence[float]) -> list[float]:
    """Return the median, the smallest and the largest."""
    return [round(f(values), 4) for f in (statistics.median, min, max)] if values else [0.0] * 3


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of latencies in seconds, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ratios(site: Site, base: Site, path: str) -> list[float]:
    """Return the site's purchases per second beside those of `base`, round by round."""
    pairs = zip(site.loads[path], base.loads[path], strict=True)
    return [ours.per_second / theirs.per_second for ours, theirs in pairs if theirs.per_second]


def as_json(
    sites: Sequence[Site], plan: GrowthPlan, machine: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Return everything as one JSON value. Spreads are [median, smallest, largest]."""
    return {
        "machine": machine,
        "plan": asdict(plan),
        "people": sites[0].sizes.buyers + sites[0].sizes.sellers,
        "seconds": round(seconds, 1),
        "sizes": [_site_json(site, sites[0]) for site in sites],
    }


def write_json(report: dict[str, Any], directory: Path) -> Path:
    """Write the JSON file, named by its date, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp = report["machine"]["date"].replace(":", "").replace("+0000", "Z")
    path = directory / f"growth-{stamp}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return path


def _site_json(site: Site, base: Site) -> dict[str, Any]:
    audit = site.audit
    return {
        "entries": site.entries,
        "purchases": site.purchases,
        "paths": {name: _path_json(site, base, name) for name in site.paths},
        "reads_ms": {
            name: {f"p{p}": round(percentile(took, p), 3) for p in (50, 95, 99)}
            for name, took in site.reads.items()
        },
        "left_behind": {name: one.as_dict() for name, one in site.left_behind.items()},
        "disk_bytes_per_purchase": round(disk_bytes_per_purchase(site)),
        "audit": {
            "clean": audit.clean if audit else None,
            "seconds": round(audit.seconds, 2) if audit else None,
            "invariants": {
                verdict.invariant.name: round(verdict.seconds, 2)
                for verdict in (audit.verdicts if audit else ())
            },
        },
    }


def _path_json(site: Site, base: Site, path: str) -> dict[str, Any]:
    loads, wal, bought = site.loads[path], site.wal[path], site.bought[path]
    pairs = [(one, count) for one, count in zip(wal, bought, strict=True) if count]
    done = max(1, sum(bought))
    return {
        "purchases_per_second": spread([load.per_second for load in loads]),
        "beside_the_smallest": spread(ratios(site, base, path)),
        **{f"p{p}_ms": spread([load.percentile(p) for load in loads]) for p in (50, 95, 99)},
        "database_us_per_purchase": spread([load.database_microseconds for load in loads]),
        "other_cpu": spread([load.other_cpu for load in loads]),
        # Of all rounds together: checkpoints fall into some of them.
        "wal_bytes_per_purchase": round(sum(one.bytes for one in wal) / done),
        "wal_pages_per_purchase": round(sum(one.pages for one in wal) / done, 3),
        "wal_bytes_by_round": [round(one.bytes / count) for one, count in pairs],
        "checkpoints": sum(one.checkpoints for one in wal),
        "refused": sum(load.refused for load in loads),
        "failed": sum(load.failed for load in loads),
        "first_failure": next((x.first_failure for x in loads if x.first_failure), ""),
    }


def disk_bytes_per_purchase(site: Site) -> float:
    """Return by how much tables and indexes have grown for each purchase of the measurement."""
    grown = sum(one.table_bytes + one.index_bytes for one in site.left_behind.values())
    return grown / site.purchases if site.purchases else 0.0


def show(sites: Sequence[Site], machine: dict[str, Any], seconds: float, console: Console) -> None:
    """Print everything; a column for each size."""
    console.print(
        f"\n{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" PostgreSQL {machine['postgres']['server_version']}, {machine['date']},"
        f" {seconds:.0f} s in all\n"
    )
    others = [load.other_cpu for site in sites for loads in site.loads.values() for load in loads]
    if spread(others)[0] > NOISE_MAX:
        console.print(
            f"NOISY: other programs kept {spread(others)[0]:.1f} of {machine['cores']} processors"
            " busy. Only what was taken in the same round can be compared.\n",
            style="bold yellow",
        )
    table = Table(title="Growth", title_justify="left")
    table.add_column("")
    for site in sites:
        table.add_column(f"{site.entries:,} entries", justify="right")
    for path in sites[0].paths:
        _add_path(table, sites, path)
    for name in sites[0].reads:
        cells = [site.reads[name] for site in sites]
        table.add_row(
            f"{name}: p50, p95 ms",
            *(f"{percentile(took, 50):.2f}, {percentile(took, 95):.2f}" for took in cells),
        )
    table.add_section()
    table.add_row("audit s", *(f"{s.audit.seconds:.1f}" if s.audit else "" for s in sites))
    table.add_row("findings", *(_findings(site) for site in sites))
    table.add_row("disk bytes a purchase", *(f"{disk_bytes_per_purchase(s):,.0f}" for s in sites))
    wallets = [site.left_behind["public.user_credits"] for site in sites]
    table.add_row(
        "wallet updates within their page",
        *(f"{w.updated_in_page / w.updated:.1%}" if w.updated else "" for w in wallets),
    )
    table.add_row("dead wallet rows, at the end", *(f"{w.dead_rows:,}" for w in wallets))
    table.add_row("wallet table grown, kB", *(f"{w.table_bytes / 1024:,.0f}" for w in wallets))
    vacuums = [sum(one.vacuums for one in site.left_behind.values()) for site in sites]
    table.add_row("autovacuums", *map(str, vacuums))
    console.print(table)


def _add_path(table: Table, sites: Sequence[Site], path: str) -> None:
    def row(words: str, *cells: str) -> None:
        table.add_row(f"{_TITLES.get(path, path)}: {words}", *cells)

    reports = [_path_json(site, sites[0], path) for site in sites]
    row("purchases/s", *(_text(one["purchases_per_second"], 0) for one in reports))
    row("beside the smallest", *(_text(one["beside_the_smallest"], 2) for one in reports))
    row(
        "p50, p95 ms",
        *(f"{one['p50_ms'][0]:.1f}, {one['p95_ms'][0]:.1f}" for one in reports),
    )
    row("database µs", *(_text(one["database_us_per_purchase"], 0) for one in reports))
    for words, name in (("WAL bytes", "wal_bytes"), ("whole pages in the WAL", "wal_pages")):
        row(words, *(f"{one[f'{name}_per_purchase']:,}" for one in reports))
    table.add_section()


def _text(values: Sequence[float], digits: int) -> str:
    middle, low, high = (f"{value:,.{digits}f}" for value in values)
    return f"{middle} ({low}–{high})"


def _findings(site: Site) -> str:
    return f"{sum(one.findings for one in site.audit.verdicts):,}" if site.audit else ""


def shortcomings(sites: Sequence[Site]) -> list[str]:
    """Return what of the expected is not reached, in words."""
    said = []
    for site in sites[1:]:
        for path in site.paths:
            middle = spread(ratios(site, sites[0], path))[0]
            if middle < RATIO_MIN:
                title = _TITLES.get(path, path)
                said.append(f"{title}: {middle:.2f} of the smallest at {site.entries:,} entries.")
    for site in sites:
        for name, took in site.reads.items():
            if percentile(took, 95) > READ_MS_MAX:
                said.append(f"{name}: {percentile(took, 95):.1f} ms at {site.entries:,} entries.")
        if site.audit is not None and site.audit.seconds > AUDIT_SECONDS_MAX:
            said.append(f"The audit took {site.audit.seconds:.0f} s at {site.entries:,} entries.")
        if site.audit is not None and not site.audit.clean:
            said.append(f"The audit has findings at {site.entries:,} entries.")
    return said
