"""`bursar migrate`: plan, up, down, status, verify, sql.

Exit codes: 0 done, or nothing to do; 1 a statement failed and was rolled back; 2 the command line
cannot be read, or a confirmation was not given; 3 the files and the database disagree, or the files
are wrong; 4 another run or somebody's lock was in the way for too long; 5 a verification does not
hold; 6 the database cannot be reached.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bursar.cli import migration_views as views
from bursar.cli.target import resolve_url
from bursar.db.fault import ClusterError
from bursar.ops import migrate
from bursar.ops.migrate.decide import Plan

_NOT_CONFIRMED = 2
_DOES_NOT_HOLD = 5
_UNREACHABLE = 6

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Move the schema: numbered steps and routines."
)

Url = Annotated[
    str,
    typer.Option(
        "--database-url",
        help="libpq URL; default BURSAR_DATABASE_URL. Prefer .pgpass to a password in it.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Directory of the embedded cluster to use instead.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
To = Annotated[int | None, typer.Option("--to", min=0, help="Number of the step to end at.")]
Rooms = Annotated[
    str,
    typer.Option(
        "--rooms",
        help="Rooms to install, such as ledger,rewards, or all; default: as chosen last time.",
        show_default=False,
    ),
]


@app.command("plan")
def plan_command(
    url: Url = "",
    data: Data = None,
    to: To = None,
    rooms: Rooms = "",
    down: Annotated[bool, typer.Option("--down", help="Plan the way down instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show what `up` (or `down`) would do, in order; change nothing."""
    with _answering(as_json):
        target = url or _configured(data)
        made = migrate.plan_down(target, to=to) if down else _plan_up(target, to, rooms)
        _show(as_json, views.plan_data(made), views.plan_table(made, migrate.describe(target)))
        if made.problems:
            raise typer.Exit(migrate.SourceDiffers.exit_code)


@app.command("up")
def up_command(
    url: Url = "", data: Data = None, to: To = None, rooms: Rooms = "", as_json: Json = False
) -> None:
    """Apply what is pending, and verify it, in one transaction."""
    with _answering(as_json):
        target = url or _configured(data)
        report = migrate.up(target, to=to, rooms=_rooms(rooms))
        _show(as_json, views.report_data(report), views.report_table(report))


@app.command("down")
def down_command(
    url: Url = "",
    data: Data = None,
    to: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Undo one step, or every step after `--to`, and bring back the routines of that time."""
    with _answering(as_json):
        target = url or _configured(data)
        planned = migrate.plan_down(target, to=to)
        if not yes and not planned.empty:
            _console(stderr=True).print(views.plan_table(planned, migrate.describe(target)))
            if not typer.confirm("Undo these steps?", err=True):
                raise typer.Exit(_NOT_CONFIRMED)

        def still_the_same(plan: Plan) -> None:
            if plan != planned:
                raise migrate.MigrationError("The plan changed meanwhile; look at it again.")

        report = migrate.down(target, to=to, before_change=still_the_same)
        _show(as_json, views.report_data(report), views.report_table(report))


@app.command("status")
def status_command(url: Url = "", data: Data = None, as_json: Json = False) -> None:
    """Show every step and routine and where it stands."""
    with _answering(as_json):
        target = url or _configured(data)
        status = migrate.status(target)
        tables = views.status_tables(status, migrate.describe(target))
        _show(as_json, views.status_data(status), *tables)


@app.command("verify")
def verify_command(
    url: Url = "",
    data: Data = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the validation record to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run every verify.sql and compare the files with what is in force; change nothing."""
    with _answering(as_json):
        target = url or _configured(data)
        verification = migrate.verify(target)
        found = views.verification_data(verification, migrate.describe(target))
        if report is not None:
            report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        _show(as_json, found, views.verification_table(verification))
        if not verification.holds:
            raise typer.Exit(_DOES_NOT_HOLD)


@app.command("sql")
def sql_command(
    after: Annotated[
        int, typer.Option("--from", min=0, help="Number of the step that is in force already.")
    ] = 0,
    to: To = None,
    rooms: Rooms = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one file for each part into this directory.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the SQL of `up` in numbered parts, for psql or a dashboard; needs no database."""
    with _answering(as_json):
        parts = migrate.offline_sql(after=after, to=to, rooms=_rooms(rooms))
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for part in parts:
                (out / f"part_{part.number:02d}.sql").write_text(part.sql, encoding="utf-8")
        if as_json:
            _show(as_json, {"parts": [views.part_data(part) for part in parts]})
        elif out is None:
            typer.echo("\n".join(part.sql for part in parts))


def _configured(data: Path | None) -> str:
    try:
        return resolve_url(data)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _plan_up(target: str, to: int | None, rooms: str) -> Plan:
    return migrate.plan(target, to=to, rooms=_rooms(rooms))


def _rooms(text: str) -> list[str] | None:
    """Read `ledger,rewards`; `all` chooses every room, and an empty text changes nothing."""
    if text == "all":
        return list(migrate.Source.load().rooms)
    return [room.strip() for room in text.split(",")] if text else None


def _show(as_json: bool, data: dict[str, Any], *tables: Any) -> None:
    if as_json:
        typer.echo(json.dumps(data))
    else:
        _console().print(*tables, sep="\n")


@contextmanager
def _answering(as_json: bool) -> Iterator[None]:
    """Turn the errors of a command into one message and its exit code."""
    try:
        yield
    except (migrate.MigrationError, ClusterError) as error:
        code = error.exit_code if isinstance(error, migrate.MigrationError) else _UNREACHABLE
        if as_json:
            typer.echo(json.dumps({"error": str(error), "exit_code": code}))
        else:
            _console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(code) from None


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True)
