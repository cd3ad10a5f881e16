"""The section of the page that is about carts, drawn from the JSON document alone."""

from typing import Any

from bench.carts.phases import PHASES
from bench.carts.report import SELLERS_WORDS
from bench.plots import Lines, Series, draw_lines

# Every way has the colour of the path that it resembles.
_PATHS = {
    "call": "engine",
    "loop": "classic",
    "engine": "sql_batch",
    "http": "v1",
    "call_far": "rpc",
    "loop_far": "pgbench",
}


def section_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the template shows: a plot, comparisons, phases, and the storm."""
    return document | {
        "plot": _plot(document),
        "phase_names": PHASES,
        "sellers_words": SELLERS_WORDS,
        "storm_titles": {
            way: document["ways"].get(way, {"title": "loop, as it was"})["title"]
            for way in document["storms"]
        },
    }


def _plot(document: dict[str, Any]) -> Lines:
    """Return the time of a cart over its size, with leads of one seller."""
    series = []
    for way, about in document["ways"].items():
        points = sorted(
            (row["size"], row["ms"][0])
            for row in document["figures"]
            if (row["way"], row["sellers"]) == (way, "one")
        )
        far = f", {document['plan']['far_ms']:g} ms away" if way.endswith("_far") else ""
        if points:
            series.append(Series(_PATHS[way], about["title"] + far, tuple(points)))
    return draw_lines([series], lambda x, y: f"{y:,.2f} ms, {x:g} leads")[0]
