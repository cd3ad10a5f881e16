"""Wallets, entries and outcomes as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.model import Outcome

_WALLET = ("owner_id", "asset", "status", "balance", "held", "available", "owed", "seq")
_OUTCOME = (
    "verb",
    "transaction_id",
    "owner_id",
    "asset",
    "amount",
    "balance",
    "held",
    "available",
    "owed",
    "replayed",
)


def wallet_table(wallet: Mapping[str, Any]) -> Table:
    """Return a wallet's state, a line for each field."""
    return _fields({name: wallet.get(name) for name in _WALLET})


def outcome_table(outcome: Outcome) -> Table:
    """Return what a change came to, a line for each field."""
    return _fields({name: getattr(outcome, name) for name in _OUTCOME})


def outcome_sentence(done: Outcome) -> str:
    """Return what a change came to in a sentence."""
    again = ", as it was the first time" if done.replayed else ""
    moved = f"Transaction {done.transaction_id}" if done.transaction_id else "Done"
    return f"{moved}{again}; the balance is {done.balance}."


def statement_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """Return entries, newest first, a line for each."""
    table = Table(title="Statement, newest first", title_justify="left")
    for name, right in (
        ("#", True),
        ("when", False),
        ("verb", False),
        ("reason", False),
        ("amount", True),
        ("after", True),
        ("with", False),
        ("by", False),
        ("transaction", True),
    ):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for entry in entries:
        amount = int(entry["amount"])
        table.add_row(
            str(entry["seq"]),
            str(entry["created_at"])[:19].replace("T", " "),
            escape(str(entry["verb"])),
            escape(str(entry["reason"])),
            f"[{'green' if amount > 0 else 'red'}]{amount:+,}[/]",
            f"{entry['balance_after']:,}",
            escape(", ".join(entry["counterparties"])),
            escape(str(entry["actor"] or "")),
            str(entry["transaction_id"]),
        )
    return table


def explanation(found: Mapping[str, Any]) -> list[Any]:
    """Return the wallet, what its entries add up to, the latest of them, and whether it agrees."""
    sums = Table(title="What its entries add up to", title_justify="left")
    sums.add_column("by")
    sums.add_column("name")
    sums.add_column("sum", justify="right")
    for kind in ("verb", "bucket"):
        for name, amount in sorted(found[f"by_{kind}"].items()):
            sums.add_row(kind, escape(name), f"{amount:+,}")
    verdict = (
        f"[green]{found['entries']} entries add up to the balance of {found['balance']:,}.[/]"
        if found["agrees"]
        else f"[bold red]The {found['entries']} entries add up to {found['sum_of_entries']:,}, and "
        f"the open holds to {found['sum_of_holds']:,}: something does not agree.[/]"
    )
    return [wallet_table(found), sums, statement_table(found["latest"]), verdict]


def _fields(values: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in values.items():
        if value is None:
            continue
        shown = f"{value:,}" if type(value) is int and name != "transaction_id" else str(value)
        table.add_row(name.replace("_", " "), escape(shown))
    return table
