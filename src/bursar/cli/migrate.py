"""`bursar migrate`: plan, up, down, status, verify, sql.

Exit codes: 0 done, or nothing to do; 1 a statement failed and was rolled back; 2 the command line
cannot be read, or a confirmation was not given; 3 the files and the database disagree, or the files
are wrong; 4 another run or somebody's lock was in the way for too long; 5 a verification does not
hold; 6 the database cannot be reached.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli import migration_views as views
from bursar.cli.answer import answering, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous, reads
from bursar.cli.login import login
from bursar.cli.migration_views import rooms_of
from bursar.cli.target import resolve_url
from bursar.cli.validation_record import record_of, verification_tables, write_record
from bursar.ops import migrate
from bursar.ops.backup.demand import demand_backup
from bursar.ops.guard import Operation, require_confirmation
from bursar.ops.migrate.decide import Plan
from bursar.settings import Settings

_DOES_NOT_HOLD = 5

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
Contract = Annotated[
    bool,
    typer.Option(
        "--contract", help="Also the steps that remove what an older application still needs."
    ),
]
Backups = Annotated[
    Path | None,
    typer.Option(
        "--backups",
        help="Where a verified backup is looked for; default BURSAR_BACKUP_DIRECTORY.",
        show_default=False,
    ),
]


@app.command("plan")
@reads
def plan_command(
    url: Url = "",
    data: Data = None,
    to: To = None,
    rooms: Rooms = "",
    contract: Contract = False,
    down: Annotated[bool, typer.Option("--down", help="Plan the way down instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show what `up` (or `down`) would do, in order; change nothing."""
    with answering(as_json):
        target = _target(url, data)
        made = migrate.plan_down(target, to=to) if down else _plan_up(target, to, rooms, contract)
        show(as_json, views.plan_data(made), views.plan_table(made, migrate.describe(target)))
        if made.problems:
            raise typer.Exit(migrate.SourceDiffers.exit_code)


@app.command("up")
@dangerous
def up_command(
    url: Url = "",
    data: Data = None,
    to: To = None,
    rooms: Rooms = "",
    contract: Contract = False,
    backups: Backups = None,
    confirm: ConfirmOption = "",
    as_json: Json = False,
) -> None:
    """Show what is pending, apply it, and verify it, in one transaction.

    A database that is marked production has to have a verified backup of the last 24 hours.
    """
    with answering(as_json):
        target = _target(url, data)
        planned = _plan_up(target, to, rooms, contract)
        if not planned.empty:
            where = backups or Path(Settings.from_environment().backup_directory)
            require_confirmation(target, views.plan_lines(planned), confirm)
            demand_backup(target, where, plan=views.plan_lines(planned))
        with _guarding(target, planned, confirm, as_json) as operation:
            report = migrate.up(
                target,
                to=to,
                rooms=rooms_of(rooms),
                contract=contract,
                before_change=planned.refuse_more,
            )
            operation.result = views.report_sentence(report)
        show(as_json, views.report_data(report), views.report_table(report))


@app.command("down")
@dangerous
def down_command(
    url: Url = "",
    data: Data = None,
    to: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    confirm: ConfirmOption = "",
    as_json: Json = False,
) -> None:
    """Undo one step, or every step after `--to`, and bring back the routines of that time."""
    with answering(as_json):
        target = _target(url, data)
        planned = migrate.plan_down(target, to=to)
        question = "" if yes or planned.empty else "Undo these steps?"
        with _guarding(target, planned, confirm, as_json, question) as operation:
            report = migrate.down(target, to=to, before_change=planned.refuse_more)
            operation.result = views.report_sentence(report)
        show(as_json, views.report_data(report), views.report_table(report))


@app.command("status")
@reads
def status_command(url: Url = "", data: Data = None, as_json: Json = False) -> None:
    """Show every step and routine and where it stands."""
    with answering(as_json):
        target = _target(url, data)
        status = migrate.status(target)
        tables = views.status_tables(status, migrate.describe(target))
        show(as_json, views.status_data(status), *tables)


@app.command("verify")
@reads
def verify_command(
    url: Url = "",
    data: Data = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write the validation record to this file: Markdown, or --json."
        ),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only counts and findings.")] = False,
    as_json: Json = False,
) -> None:
    """Run every verify.sql, compare the files with what is in force, look at the catalogue.

    Functions with their arguments and whose rights they run with, constraints, indexes, triggers,
    policies, grants, negative balances. Nothing is changed.
    """
    with answering(as_json):
        target = _target(url, data)
        verification = migrate.verify(target)
        record = record_of(verification, migrate.describe(target))
        if report is not None:
            write_record(report, record, as_json=as_json)
        show(as_json, record, *verification_tables(verification, brief=brief))
        if not verification.holds:
            raise typer.Exit(_DOES_NOT_HOLD)


@app.command("sql")
@reads
def sql_command(
    after: Annotated[
        int, typer.Option("--from", min=0, help="Number of the step that is in force already.")
    ] = 0,
    to: To = None,
    rooms: Rooms = "",
    contract: Contract = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one file for each part into this directory.")
    ] = None,
    supabase: Annotated[
        Path | None,
        typer.Option("--supabase", help="Write timestamped files, for supabase/migrations."),
    ] = None,
    alembic: Annotated[
        Path | None,
        typer.Option("--alembic", help="Write revisions of Alembic, for its versions directory."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the SQL of `up` in numbered parts, for psql or a dashboard; needs no database."""
    with answering(as_json):
        if sum(where is not None for where in (out, supabase, alembic)) > 1:
            raise ValueError("Choose one of --out, --supabase and --alembic.")
        if alembic is not None:
            if after or to is not None:
                raise ValueError("--alembic takes neither --from nor --to: it adds what is new.")
            _tell_files(as_json, migrate.write_revisions(alembic, rooms=rooms_of(rooms)))
            return
        parts = migrate.offline_sql(
            after=after,
            to=to,
            rooms=rooms_of(rooms),
            contract=contract,
            one_transaction=supabase is not None,
        )
        if supabase is not None:
            _tell_files(as_json, migrate.write_supabase_files(parts, supabase))
            return
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for part in parts:
                (out / f"part_{part.number:02d}.sql").write_text(part.sql, encoding="utf-8")
        if as_json:
            show(as_json, {"parts": [views.part_data(part) for part in parts]})
        elif out is None:
            typer.echo("\n".join(part.sql for part in parts))


def _tell_files(as_json: bool, files: Sequence[Path]) -> None:
    said = [str(file) for file in files] or ["Nothing is new."]
    show(as_json, {"files": [str(file) for file in files]}, *said)


def _guarding(
    target: str, planned: Plan, confirm: str, as_json: bool, question: str = ""
) -> AbstractContextManager[Operation]:
    return guarding(
        target,
        views.plan_lines(planned),
        confirm,
        as_json=as_json,
        shown=views.plan_table(planned, migrate.describe(target)),
        question=question,
    )


def _target(url: str, data: Path | None) -> str:
    try:
        return login(url) if url else resolve_url(data)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _plan_up(target: str, to: int | None, rooms: str, contract: bool) -> Plan:
    return migrate.plan(target, to=to, rooms=rooms_of(rooms), contract=contract)
