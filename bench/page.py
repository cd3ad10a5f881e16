"""The result as one page: self-contained, light and dark, drawn from the JSON document alone.

`python -m bench.page RESULT.json PAGE.html` draws the page of an earlier run.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.carts.page import section_of
from bench.plots import (
    Bars,
    Lines,
    Percentiles,
    Series,
    draw_bars,
    draw_lines,
    draw_ranges,
    place_of,
)
from bench.terminal import SCENARIO_WORDS
from bench.words import target_text

_TEMPLATES = Path(__file__).parent / "report"
# The number of callers at which paths are set side by side: the first of these that was measured.
_SIDE_BY_SIDE = (32, 64, 2, 4)
_P99_TARGET_MS = 50


def write_page(document: dict[str, Any], path: Path) -> None:
    """Write the page of a document to `path`. Raises `OSError` when that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(document), "utf-8")


def render(document: dict[str, Any]) -> str:
    """Return the page of a document."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        document=document,
        css=(_TEMPLATES / "page.css").read_text("utf-8"),
        scenario_words=SCENARIO_WORDS,
        tiles=list(_tiles(document)),
        verdicts=[_verdict(found) for found in document["comparisons"] if found["target"]],
        others=[
            found for found in document["comparisons"] if not found["target"] and found["value"]
        ],
        throughput=_throughput(document),
        most=_most(document),
        latency=_latency(document),
        prices=list(_prices(document)),
        lone=draw_bars(
            [(path, _title(document, path), ms[0]) for path, ms in document["lone_ms"].items()],
            "ms",
        ),
        target_text=target_text,
        figures=_figures_by_scenario(document),
        carts=None if document["carts"] is None else section_of(document["carts"]),
    )


def _title(document: dict[str, Any], path: str) -> str:
    title: str = document["paths"][path]["title"]
    return title


def _tiles(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the few figures that stand above everything: number, what it is, good or bad."""
    decided = [found for found in document["comparisons"] if found["met"] is not None]
    if decided:
        met = sum(found["met"] for found in decided)
        word = "good" if met == len(decided) else "plain"
        yield f"{met} of {len(decided)}", "targets met", word
    hot = {
        row["callers"]: row["purchases_per_second"][0]
        for row in document["figures"]
        if (row["path"], row["scenario"]) == ("engine", "hot")
    }
    if hot:
        callers = max(hot)
        yield f"{hot[callers]:,.0f}", f"purchases/s on one wallet, {callers} callers", "plain"
    audits = {
        name: audit
        for name, audit in document["wrong_results"].items()
        if not document["paths"][name]["expects_wrong_results"]
    }
    if audits:
        wrong = sum(audit["wrong"] for audit in audits.values())
        purchases = sum(audit["purchases"] for audit in audits.values())
        word = "bad" if wrong else "good"
        yield f"{wrong:,}", f"wrong results in {purchases:,} purchases", word
    naive = document["wrong_results"].get("naive")
    if naive:
        words = f"wrong results of the naive handler in {naive['purchases']:,}"
        yield f"{naive['wrong']:,}", words, "plain"


def _verdict(found: dict[str, Any]) -> dict[str, Any]:
    """Return a comparison with the places of its median and ends beside the target."""
    if found["value"] is None:
        return {**found, "places": None}
    at_least = found["sense"] == "at_least"
    places = [place_of(value, found["target"], at_least) for value in found["value"]]
    return {**found, "places": (places[0], min(places[1:]), max(places[1:]))}


def _throughput(document: dict[str, Any]) -> list[tuple[str, Lines]]:
    """Return a plot for each scenario: throughput by callers, paths with one purchase a call."""
    plots = {}
    for scenario, words in SCENARIO_WORDS.items():
        series = []
        for path, about in document["paths"].items():
            points = {
                row["callers"]: row["purchases_per_second"][0]
                for row in document["figures"]
                if (row["path"], row["scenario"]) == (path, scenario)
                and row["purchases_per_second"][0] > 0
            }
            if scenario == "spread" and path in document["lone_ms"]:
                points.setdefault(1, 1000 / document["lone_ms"][path][0])
            if points and about["per_call"] == 1:
                series.append(Series(path, about["title"], tuple(sorted(points.items()))))
        if series:
            plots[words] = series
    return list(zip(plots, draw_lines(list(plots.values())), strict=True))


def _most(document: dict[str, Any]) -> Bars | None:
    """Return the most that each path did, spread over many wallets, batches included."""
    rows = []
    for path in document["paths"]:
        figures = [
            (row["purchases_per_second"][0], row["callers"])
            for row in document["figures"]
            if (row["path"], row["scenario"]) == (path, "spread")
        ]
        if figures:
            best, callers = max(figures)
            rows.append((path, f"{_title(document, path)}, {callers}", best))
    return draw_bars(rows, "purchases/s")


def _side_by_side(document: dict[str, Any], scenario: str) -> Iterator[dict[str, Any]]:
    """Yield each path's figures at the number of callers at which paths are compared."""
    for path in document["paths"]:
        rows = {
            row["callers"]: row
            for row in document["figures"]
            if (row["path"], row["scenario"]) == (path, scenario)
        }
        callers = next((number for number in _SIDE_BY_SIDE if number in rows), None)
        if document["paths"][path]["title"].startswith("HTTP") or path == "classic_http":
            callers = 64 if 64 in rows else callers
        if callers is not None:
            yield rows[callers]


def _latency(document: dict[str, Any]) -> dict[str, tuple[str, Bars]]:
    """Return a plot of latencies for each scenario, and of those at a share of the peak."""
    plots = {}
    for scenario, words in SCENARIO_WORDS.items():
        rows = [
            _latency_row(document, row, "")
            for row in _side_by_side(document, scenario)
            if document["paths"][row["path"]]["per_call"] == 1 and row["p50_ms"][0] > 0
        ]
        if rows:
            plots[scenario] = (words, rows)
    rows = [
        _latency_row(document, row, "" if row["scenario"] == "spread" else ", hot")
        for row in document["open_loops"]
        if row["p50_ms"][0] > 0
    ]
    if rows:
        plots["open"] = ("Purchases arriving at 70 % of the peak", rows)
    drawn = draw_ranges([rows for _, rows in plots.values()], _P99_TARGET_MS)
    return {
        name: (words, plot) for (name, (words, _)), plot in zip(plots.items(), drawn, strict=True)
    }


def _latency_row(
    document: dict[str, Any], row: dict[str, Any], suffix: str
) -> tuple[str, str, Percentiles]:
    percentiles = (row["p50_ms"][0], row["p95_ms"][0], row["p99_ms"][0])
    return row["path"], _title(document, row["path"]) + suffix, percentiles


def _prices(document: dict[str, Any]) -> Iterator[tuple[str, Bars]]:
    """Yield what one purchase costs the database: processor time, log, disk."""
    for name, words, unit in (
        ("database_us_per_purchase", "PostgreSQL's processor time", "µs"),
        ("wal_bytes_per_purchase", "Write-ahead log", "bytes"),
    ):
        rows = [
            (row["path"], _title(document, row["path"]), row[name][0])
            for row in _side_by_side(document, "spread")
            if row[name][0] > 0
        ]
        drawn = draw_bars(rows, unit)
        if drawn is not None:
            yield f"{words}, {unit}", drawn
    rows = [
        (row["path"], _title(document, row["path"]), row["round_trips_per_purchase"][0])
        for row in _side_by_side(document, "spread")
        if row["round_trips_per_purchase"]
    ]
    drawn = draw_bars(rows, "round trips")
    if drawn is not None:
        yield "Round trips to it, where they are counted", drawn
    rows = [
        (path, _title(document, path), stored["bytes_per_purchase"])
        for path, stored in document["storage"].items()
        if stored["bytes_per_purchase"]
    ]
    drawn = draw_bars(rows, "bytes")
    if drawn is not None:
        yield "Tables and indexes, bytes on disk", drawn


def _figures_by_scenario(document: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    order = list(document["paths"])
    found = []
    for scenario, words in SCENARIO_WORDS.items():
        rows = [row for row in document["figures"] if row["scenario"] == scenario]
        rows.sort(key=lambda row: (order.index(row["path"]), row["callers"]))
        if rows:
            found.append((words, rows))
    return found


if __name__ == "__main__":
    write_page(json.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2]))
