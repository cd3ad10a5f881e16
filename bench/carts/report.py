"""What is told about carts: figures as JSON, and what is compared with what."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.carts.measure import Measured
from bench.carts.plan import SELLERS, Cell
from bench.load import Spread

FORMAT = "bursar-carts/1"
SELLERS_WORDS = {"one": "one seller", "ten": "ten sellers", "each": "many sellers"}
# The kernel's own work for the disk counts as others'; more than this is somebody.
NOISE_MAX = 0.3
# How much longer a cart of a hundred may take than a cart of one, and what part of the loop's time
# a cart of three may take.
GROWTH_MAX, SHARE_MAX = 4.0, 0.5


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The time of one cell divided by that of another, in each round."""

    key: str
    words: str
    ours: Cell
    theirs: Cell
    at_most: float | None = None
    measure: Literal["ms", "database_ms"] = "ms"


def as_json(measured: Measured) -> dict[str, Any]:
    """Return everything as one JSON value. Spreads are [median, smallest, largest]."""
    plan = measured.plan
    return {
        "format": FORMAT,
        "seconds": round(measured.seconds, 1),
        "other_cpu": round(measured.other_cpu, 2),
        "noisy": measured.other_cpu > NOISE_MAX,
        "plan": {
            "rounds": plan.rounds,
            "calls": {str(size): plan.calls[size] for size in plan.sizes},
            "leads": 3 * plan.stock_needed(),
            "far_ms": 1000 * plan.far_seconds,
            "far_question_ms": round(measured.wire_ms, 3),
        },
        "ways": {
            name: {"title": title, "says": says} for name, (title, says) in measured.says.items()
        },
        "figures": [
            {
                "way": cell.way,
                "size": cell.size,
                "sellers": cell.sellers,
                "ms": Spread.of(rounds).as_list(),
                "database_ms": _spread(measured.database_ms.get(cell)),
                "round_trips": measured.round_trips.get((cell.way.removesuffix("_far"), cell.size))
                if cell.sellers == "one"
                else None,
            }
            for cell, rounds in measured.ms.items()
        ],
        "phases": measured.phases,
        "comparisons": [
            found
            for one in _comparisons(plan.sizes)
            if (found := _compare(measured, one)) is not None
        ],
        "storms": measured.storms,
        "wrong_results": measured.audits,
        "wrong_ways": measured.wrong_ways,
    }


def _spread(values: Sequence[float] | None) -> list[float] | None:
    return Spread.of(values).as_list() if values else None


def write_json(document: dict[str, Any], directory: Path) -> Path:
    """Write the JSON file, named by its date, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    stamp = document["machine"]["date"].replace(":", "").replace("+0000", "Z")
    path = directory / f"carts-{stamp}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return path


def _comparisons(sizes: Sequence[int]) -> Iterator[_Comparison]:
    """Yield what is compared; first what has a target."""
    one = Cell("call", 1, "one")
    for sellers in SELLERS:
        words = f"100 leads, {SELLERS_WORDS[sellers]} / one lead"
        hundred = Cell("call", 100, sellers)
        yield _Comparison(f"growth_{sellers}", words, hundred, one, GROWTH_MAX)
    for far, words in (("_far", "on the longer wire"), ("", "on one machine")):
        yield _Comparison(
            f"share_3{far}",
            f"3 leads, one call / loop, {words}",
            Cell(f"call{far}", 3, "one"),
            Cell(f"loop{far}", 3, "one"),
            SHARE_MAX,
        )
    for sellers in SELLERS:
        words = f"100 leads, {SELLERS_WORDS[sellers]} / one lead, processor time of the database"
        hundred = Cell("call", 100, sellers)
        yield _Comparison(f"growth_{sellers}_cpu", words, hundred, one, measure="database_ms")
    for size in sizes:
        for sellers in SELLERS if size > 1 else ("one",):
            yield _Comparison(
                f"share_{size}_{sellers}",
                f"{size} leads, {SELLERS_WORDS[sellers]}, one call / loop"
                if size > 1
                else "one lead, one call / loop",
                Cell("call", size, sellers),
                Cell("loop", size, sellers),
            )


def _compare(measured: Measured, one: _Comparison) -> dict[str, Any] | None:
    """Return what a comparison came to, or None where a cell was not measured."""
    figures: dict[Cell, list[float]] = getattr(measured, one.measure)
    rounds = zip(figures.get(one.ours, ()), figures.get(one.theirs, ()), strict=False)
    ratios = [ours / theirs for ours, theirs in rounds]
    if not ratios:
        return None
    spread = Spread.of(ratios)
    return {
        "key": one.key,
        "words": one.words,
        "value": spread.as_list(),
        "target": one.at_most,
        "met": None if one.at_most is None else spread.median <= one.at_most,
    }
