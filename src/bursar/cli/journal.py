"""`bursar journal`: what operators did by command, and how it ended."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bursar.cli.answer import answering, show
from bursar.cli.danger import reads
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.on_bank import on_bank

LIMIT_MAX = 1000
_ENDINGS = {"done": "[green]done[/]", "failed": "[red]failed[/]", "running": "[yellow]not ended[/]"}

app = typer.Typer(add_completion=False)


@app.command()
@reads
def journal(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="At most so many, newest first.")
    ] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what operators did by command: when, who, what, and how it ended.

    What has not ended is at work, or was killed. With --json each has its plan as well.
    """
    with answering(as_json):
        operations = on_bank(data, lambda bank: bank.read("read_operations", limit))
        show(as_json, {"operations": operations}, _table(operations))


def _table(operations: Sequence[Mapping[str, Any]]) -> Table | str:
    if not operations:
        return "The journal is empty."
    table = Table()
    for name in ("began", "by", "login", "command", "ended", "result"):
        table.add_column(name, overflow="fold")
    for one in operations:
        table.add_row(
            str(one["started_at"])[:19].replace("T", " "),
            escape(one["actor"]),
            escape(one["role"]),
            escape(one["command"]),
            _ENDINGS[one["status"]],
            escape(one["result"] or ""),
        )
    return table
