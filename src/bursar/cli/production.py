"""`bursar production`: mark the database production, so that dangerous commands ask."""

from typing import Any

import typer
from rich.table import Table

from bursar.cli.answer import answering, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous, reads, unguarded
from bursar.cli.deployment import DataOption, Deployment, JsonOption, joined
from bursar.ops.migrate.session import Connection, connect
from bursar.ops.production import database_of, environment_of, is_production, mark_production

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Mark the database production: dangerous commands then need a confirmation.",
)


@app.command("on")
@unguarded("it only makes others ask; on a database that is marked it does nothing")
def on_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Mark the database production; the login must own it."""
    with answering(as_json), joined(data) as deployment:
        if not _standing(deployment)["production"]:
            _mark(deployment, True, "", as_json)
        _tell(deployment, as_json)


@app.command("off")
@dangerous
def off_command(
    confirm: ConfirmOption = "", data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Take the mark away: dangerous commands run unasked again."""
    with answering(as_json), joined(data) as deployment:
        _mark(deployment, False, confirm, as_json)
        _tell(deployment, as_json)


@app.command("status")
@reads
def status_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say whether the database is marked production."""
    with answering(as_json), joined(data) as deployment:
        _tell(deployment, as_json)


def _mark(deployment: Deployment, on: bool, confirm: str, as_json: bool) -> None:
    url = deployment.url()
    name = _standing(deployment)["database"]
    plan = f"Mark {name} production." if on else f"Take the mark of production from {name}."
    with guarding(url, [plan], confirm, as_json=as_json) as operation:
        with connect(url, "bursar production") as connection:
            mark_production(connection, on)
        operation.result = f"{name} is {'marked' if on else 'not marked'} production."


def _tell(deployment: Deployment, as_json: bool) -> None:
    found = _standing(deployment)
    table = Table("database", "production", "marked as")
    table.add_row(found["database"], "yes" if found["production"] else "no", found["environment"])
    show(as_json, found, table)


def _standing(deployment: Deployment) -> dict[str, Any]:
    with connect(deployment.url(), "bursar production") as connection:
        return _read(connection)


def _read(connection: Connection) -> dict[str, Any]:
    return {
        "database": database_of(connection),
        "production": is_production(connection),
        "environment": environment_of(connection),
    }
