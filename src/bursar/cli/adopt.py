"""`bursar adopt`: take any table's balance column under the ledger, and give it back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bursar.adoption.carry_on import apply_adoption
from bursar.adoption.errors import NotReadyError
from bursar.adoption.give_back import give_back, plan_back
from bursar.adoption.look import Findings, Wish, look
from bursar.adoption.standing import standing
from bursar.cli.answer import FAILED, CommandError, answering, console, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous, reads
from bursar.cli.deployment import DataOption, JsonOption, joined

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Take a table's balance column under the ledger while its app goes on; give it back.",
)

AssetArgument = Annotated[str, typer.Argument(help="The asset's name, new to the ledger.")]
TableOption = Annotated[
    str, typer.Option("--table", help="The table, with its schema.", show_default=False)
]
OwnerOption = Annotated[
    str, typer.Option("--owner", help="Its column with the owner.", show_default=False)
]
BalanceOption = Annotated[
    str, typer.Option("--balance", help="Its column with the balance.", show_default=False)
]
NegativeOption = Annotated[
    Literal["stop", "debt", "zero"] | None,
    typer.Option(
        "--negative",
        help="What becomes of negative balances: a debt of the owner, or written off to zero.",
        show_default="stop",
    ),
]
MissingOption = Annotated[
    Literal["stop", "zero"] | None,
    typer.Option("--missing", help="What becomes of balances that are NULL.", show_default="stop"),
]
WriterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--writer",
        metavar="ROLE",
        help="A role of the app whose raw writes are recorded like a service's; may be repeated.",
    ),
]


@app.command("plan")
@reads
def plan_command(
    asset: AssetArgument,
    table: TableOption = "",
    owner: OwnerOption = "",
    balance: BalanceOption = "",
    negative: NegativeOption = None,
    missing: MissingOption = None,
    writer: WriterOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what adopting a table would do, and what stands in the way; change nothing.

    Exit code 1: something has to be mended or decided first.
    """
    wish = _wish(asset, table, owner, balance, negative, missing, writer)
    with answering(as_json), joined(data) as deployment:
        found = look(deployment.url(), wish)
        show(as_json, found.as_data(), *_told(found))
    if found.in_the_way:
        raise typer.Exit(FAILED)


@app.command("apply")
@dangerous
def apply_command(
    asset: AssetArgument,
    table: TableOption = "",
    owner: OwnerOption = "",
    balance: BalanceOption = "",
    negative: NegativeOption = None,
    missing: MissingOption = None,
    writer: WriterOption = None,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Adopt a table while its app goes on reading and writing it. Killed, run it again.

    Once it was begun, the asset's name is enough.
    """
    wish = _wish(asset, table, owner, balance, negative, missing, writer)
    with answering(as_json), joined(data) as deployment:
        url = deployment.url()
        found = look(url, wish)
        if found.in_the_way:
            raise NotReadyError(found.in_the_way)
        with guarding(url, found.plan, confirm, as_json=as_json) as operation:
            with _progress("Opening", found.rows or None) as on_rows:
                done = apply_adoption(url, wish, on_rows=on_rows)
            operation.result = done.sentence
        show(as_json, done.as_data(), done.sentence)


@app.command("back")
@dangerous
def back_command(
    asset: AssetArgument,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a table back: its balances stay as they are, and so do the ledger's entries.

    Open holds and debts are in the way and are listed.
    """
    with answering(as_json), joined(data) as deployment:
        url = deployment.url()
        plan = plan_back(url, asset)
        with guarding(url, plan, confirm, as_json=as_json) as operation:
            with _progress("Closing", None) as on_rows:
                done = give_back(url, asset, on_rows=on_rows)
            operation.result = done.sentence
        show(as_json, done.as_data(), done.sentence)


@app.command("status")
@reads
def status_command(
    asset: Annotated[str, typer.Argument(help="One asset; default: all.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which tables are adopted, how far each has come, and whether column and entries agree.

    Exit code 1: they do not.
    """
    with answering(as_json), joined(data) as deployment:
        adoptions = standing(deployment.url(), asset)
        if asset and not adoptions:
            raise CommandError(f"{asset} is no asset of an adopted table.", FAILED)
        show(as_json, {"adoptions": adoptions}, _table(adoptions))
    if any(one["agreement"] and one["agreement"]["differing"] for one in adoptions):
        raise typer.Exit(FAILED)


def _wish(
    asset: str,
    table: str,
    owner: str,
    balance: str,
    negative: Literal["stop", "debt", "zero"] | None,
    missing: Literal["stop", "zero"] | None,
    writers: list[str] | None,
) -> Wish:
    return Wish(
        asset=asset,
        table=table,
        owner=owner,
        balance=balance,
        negative=negative,
        missing=missing,
        writers=tuple(writers or ()),
    )


def _told(found: Findings) -> list[str]:
    if found.in_the_way:
        return ["It cannot be adopted yet:", *(f"  {line}" for line in found.in_the_way)]
    return ["Plan:", *(f"  {line}" for line in found.plan), "Nothing was changed."]


def _table(adoptions: list[dict[str, Any]]) -> Table | str:
    if not adoptions:
        return "No table is adopted."
    table = Table()
    for name in ("asset", "store", "stage", "rows done", "wallets", "balances", "entries", "agree"):
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for one in adoptions:
        agreement = one["agreement"] or dict.fromkeys(("wallets", "balances", "entries"), 0)
        table.add_row(
            one["asset"],
            f"{one['store']}.{one['balance_column']}",
            one["stage"],
            f"{one['rows_done']:,}",
            f"{agreement['wallets']:,}",
            f"{agreement['balances']:,}",
            f"{agreement['entries']:,}",
            _verdict(one["agreement"]),
        )
    return table


_NUMBERS = ("rows done", "wallets", "balances", "entries")


def _verdict(agreement: dict[str, Any] | None) -> str:
    if agreement is None:
        return "the table is no more"
    if agreement["differing"]:
        examples = ", ".join(agreement["examples"])
        return f"[red]{agreement['differing']:,} owners differ: {examples}[/]"
    return "[green]yes[/]"


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show how many rows are done, where somebody sits at a terminal."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    said = console(stderr=True)
    with Progress(*columns, console=said, transient=True, disable=not said.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
