"""The result for people at a terminal: tables, made from the JSON document."""

from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench.carts.phases import PHASES
from bench.carts.report import SELLERS_WORDS
from bench.words import spread_text


def views(document: dict[str, Any]) -> Iterator[Table | str]:
    """Yield the times, what they are compared with, the phases, and what went wrong."""
    yield _times(document, "ms", "A cart of so many leads: ms, median of the rounds")
    yield _times(document, "database_ms", "Processor time of the database for it, ms")
    yield _comparisons(document)
    yield _phases(document)
    yield _wrong_results(document)
    if document["noisy"]:
        yield (
            f"[bold yellow]Noisy: other programs kept {document['other_cpu']:.1f} processors busy"
            " while carts were bought.[/]"
        )
    for name in document["wrong_ways"]:
        yield f"[bold red]WRONG RESULTS: {name}[/]"


def ms_text(spread: list[float]) -> str:
    """Return a spread of milliseconds with as many digits as mean something."""
    return spread_text(spread, 2 if spread[0] < 10 else 1 if spread[0] < 100 else 0)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for words in columns:
        table.add_column(words, justify="right")
    return table


def _times(document: dict[str, Any], measure: str, title: str) -> Table:
    sizes = sorted({row["size"] for row in document["figures"]})
    table = _table(f"{title} (smallest–largest)", "way", "leads of", *map(str, sizes))
    for way, about in document["ways"].items():
        far = f", wire of {document['plan']['far_ms']:g} ms" if way.endswith("_far") else ""
        for sellers, words in SELLERS_WORDS.items():
            cells = {
                row["size"]: ms_text(row[measure])
                for row in document["figures"]
                if (row["way"], row["sellers"]) == (way, sellers) and row[measure] is not None
            }
            if cells:
                row = (cells.get(size, "") for size in sizes)
                table.add_row(escape(about["title"]) + far, words, *row)
    if measure == "ms":
        _add_round_trips(table, document, sizes)
    return table


def _add_round_trips(table: Table, document: dict[str, Any], sizes: list[int]) -> None:
    table.add_section()
    for way in ("call", "loop"):
        trips = {
            row["size"]: str(row["round_trips"])
            for row in document["figures"]
            if row["way"] == way and row["round_trips"] is not None
        }
        title = escape(document["ways"][way]["title"])
        table.add_row(f"{title}: round trips", "", *(trips.get(size, "") for size in sizes))


def _comparisons(document: dict[str, Any]) -> Table:
    table = _table("Compared within each round", "what", "median", "target", "met")
    for found in document["comparisons"]:
        table.add_row(
            found["words"],
            spread_text(found["value"]),
            "" if found["target"] is None else f"≤ {found['target']:g}",
            {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[found["met"]],
        )
    return table


def _phases(document: dict[str, Any]) -> Table:
    table = _table("Inside the database, µs a cart", "leads", "of", *PHASES)
    for row in document["phases"]:
        table.add_row(
            str(row["size"]),
            SELLERS_WORDS[row["sellers"]],
            *(f"{row['us'][phase]:,.0f}" for phase in PHASES),
        )
    return table


def _wrong_results(document: dict[str, Any]) -> Table:
    columns = ("tried", "bought", "leads sold twice", "unaccounted", "credits off", "ledger faults")
    table = _table("A storm of buyers after the same leads", "way", *columns)
    for way, found in document["wrong_results"].items():
        stormed = document["storms"][way]
        counts = (
            *(stormed["tried"], stormed["bought"]),
            *(found[key] for key in ("sold_twice", "unaccounted", "credits_off", "ledger_faults")),
        )
        title = document["ways"].get(way, {"title": "loop, as it was"})["title"]
        table.add_row(escape(title), *(f"{count:,}" for count in counts))
    return table
