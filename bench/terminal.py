"""The result for people at a terminal: tables, made from the JSON document."""

from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from bench.carts.terminal import views as views_of_carts
from bench.words import machine_text, spread_text, target_text

SCENARIO_WORDS = {
    "spread": "Spread over many wallets",
    "hot": "One hot buyer's wallet",
    "seller": "One hot seller's wallet",
}
_COLUMNS = (
    "callers",
    "purchases/s (smallest–largest)",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "client",
    "server",
    "database",
    "other",
    "db µs",
    "WAL bytes",
    "not done",
)


def views(document: dict[str, Any]) -> Iterator[Table | str]:
    """Yield the machine, the figures, the lone caller, the comparisons, the wrong results."""
    yield headline(document)
    for name, path in document["paths"].items():
        if path["skipped"]:
            yield f"[yellow]Skipped: {name}. {escape(path['skipped'])}[/]"
    for scenario, words in SCENARIO_WORDS.items():
        figures = [row for row in document["figures"] if row["scenario"] == scenario]
        if figures:
            yield _figures(document, words, figures)
    if document["open_loops"]:
        yield _figures(document, "Arriving at 70 % of the peak", document["open_loops"])
    yield _lone(document)
    yield _comparisons(document)
    yield _wrong_results(document)
    if document["carts"] is not None:
        yield from views_of_carts(document["carts"])
    if document["noisy"]:
        yield (
            f"[bold yellow]Noisy: other programs kept {document['noise_cpu']:.1f} of"
            f" {document['machine']['cores']} processors busy. Run it again on a quiet machine"
            " before you believe it.[/]"
        )
    for name in document["wrong_paths"]:
        yield f"[bold red]WRONG RESULTS: {name}[/]"


def headline(document: dict[str, Any]) -> str:
    """Return what was measured on and how, in one line."""
    plan = document["plan"]
    return machine_text(document["machine"]) + escape(
        f", {plan['mode']}, {plan['rounds_done']} rounds, {document['seconds']:.0f} s in all"
    )


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for words in columns:
        table.add_column(words, justify="right")
    return table


def _figures(document: dict[str, Any], words: str, figures: list[dict[str, Any]]) -> Table:
    table = _table(words, "path", *_COLUMNS)
    order = list(document["paths"])
    figures = sorted(figures, key=lambda row: (order.index(row["path"]), row.get("callers", 0)))
    before = None
    for row in figures:
        if before not in (None, row["path"]):
            table.add_section()
        before = row["path"]
        table.add_row(
            document["paths"][row["path"]]["title"],
            str(row.get("callers", row.get("connections"))),
            spread_text(row["purchases_per_second"], 0),
            *(f"{row[f'p{percent}_ms'][0]:.1f}" for percent in (50, 95, 99)),
            *(f"{row[f'{who}_cpu'][0]:.0%}" for who in ("client", "server", "database", "other")),
            f"{row['database_us_per_purchase'][0]:.0f}",
            f"{row['wal_bytes_per_purchase'][0]:,.0f}",
            str(row["failed"] + row["refused"]),
        )
    return table


def _lone(document: dict[str, Any]) -> Table:
    table = _table(
        "A lone caller: median latency, short blocks in turn", "path", "ms (smallest–largest)"
    )
    for path, spread in document["lone_ms"].items():
        table.add_row(document["paths"][path]["title"], spread_text(spread))
    return table


def _comparisons(document: dict[str, Any]) -> Table:
    table = _table(
        "Comparisons within this run", "what", "median (smallest–largest)", "target", "met"
    )
    group = ""
    for comparison in document["comparisons"]:
        if comparison["value"] is not None:
            if comparison["group"] != group:
                table.add_row(f"[bold]{comparison['group']}[/]")
            group = comparison["group"]
            table.add_row(
                f"  {comparison['words']}",
                spread_text(comparison["value"]),
                target_text(comparison),
                {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[comparison["met"]],
            )
    return table


def _wrong_results(document: dict[str, Any]) -> Table:
    table = _table(
        "Wrong results over the whole run",
        "path",
        *("purchases", "unaccounted", "lost updates", "oversold", "ledger", "wrong"),
    )
    for path, audit in document["wrong_results"].items():
        table.add_row(document["paths"][path]["title"], *(f"{n:,}" for n in audit.values()))
    return table
