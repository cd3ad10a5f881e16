"""`bursar backup`: take backups, list them, and prove that they restore."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from bursar.cli import backup_views as views
from bursar.cli.answer import FAILED, answering, complain, show
from bursar.cli.danger import reads, unguarded
from bursar.cli.deployment import DataOption, Deployment, JsonOption, as_typed, joined
from bursar.cli.long_work import long_work
from bursar.cli.typist import actor, typed_command
from bursar.ops.backup import (
    Shelved,
    Verified,
    is_of,
    list_backups,
    remove,
    take_backup,
    to_remove,
    verify_backup,
)
from bursar.ops.guard import NotJournaledError, note
from bursar.ops.migrate import NotReached
from bursar.settings import Settings

app = typer.Typer(
    add_completion=False,
    help="Take a backup; list backups; prove that one restores.",
)

JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, max=16, help="Connections that restore side by side.")
]


@app.callback(invoke_without_command=True)
@reads
def backup(
    context: typer.Context,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="The schema as plain SQL, without rows.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Directory; default BURSAR_BACKUP_DIRECTORY.", show_default=False
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="Remove all but so many.", show_default=False),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            "--keep-days", min=1, help="Remove what is so many days older.", show_default=False
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a backup of the whole database, or of its schema, and a manifest beside it.

    Nobody is held up meanwhile. --keep and --keep-days remove older backups of this database
    afterwards, but never the newest one that was verified.
    """
    if context.invoked_subcommand is not None:
        return
    with answering(as_json):
        with joined(data) as deployment, long_work("Nothing was left behind.") as work:
            directory = to or Path(deployment.settings.backup_directory)
            taken = take_backup(
                deployment.url(),
                directory,
                schema_only=schema_only,
                on_progress=work.say_bytes,
            )
        removed = _prune(directory, taken.path, keep, keep_days)
        said: dict[str, Any] = views.backup_data(taken.path, taken.manifest)
        said["removed"] = [str(one.path) for one in removed]
        show(as_json, said, *views.taken(taken, removed, as_typed(data)))


@app.command("list")
@reads
def list_command(
    directory: Annotated[
        Path | None,
        typer.Argument(help="Directory; default BURSAR_BACKUP_DIRECTORY.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the backups of a directory, newest first, and which of them were verified."""
    with answering(as_json):
        where = directory or Path(Settings.from_environment().backup_directory)
        shelf = list_backups(where)
        show(as_json, [views.shelved_data(one) for one in shelf], views.shelf(shelf, where))


@app.command("verify")
@unguarded("it changes nothing but the journal, which keeps the verification")
def verify_command(
    file: Annotated[Path, typer.Argument(help="The backup.", show_default=False)],
    scratch: Annotated[
        str,
        typer.Option(
            "--scratch",
            help="libpq URL of another server, as new as the backup's, to restore on.",
            show_default=False,
        ),
    ] = "",
    jobs: JobsOption = 2,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into a scratch database, compare and audit it, and note the outcome.

    Exit code 0: it restores to what was dumped, and keeps every promise; 1: it does not.
    """
    with answering(as_json):
        deployment = Deployment.find(data)
        url = _join(deployment, scratch)
        try:
            with long_work("The scratch database was dropped.") as work:
                verified = verify_backup(
                    file,
                    url,
                    deployment.settings,
                    scratch_url=scratch,
                    jobs=jobs,
                    on_stage=work.say,
                )
            _keep(url, verified)
        finally:
            deployment.leave()
        show(as_json, views.verified_data(verified), *views.verified(verified))
    if not verified.verification.verified:
        raise typer.Exit(FAILED)


def _join(deployment: Deployment, scratch: str) -> str:
    """Return the URL of the live database, or nothing where none is needed or there is none."""
    if scratch or (deployment.cluster is not None and not deployment.exists()):
        return ""
    deployment.join()
    return deployment.url()


def _keep(url: str, verified: Verified) -> None:
    """Write a verification into the journal of the database that the backup is of."""
    if not url:
        return
    try:
        if is_of(url, verified.manifest):
            note(
                url,
                command=typed_command(),
                actor=actor(),
                plan=["Restore it into a scratch database, compare and audit that."],
                result=" ".join(views.sentences(verified)),
                lasted=timedelta(seconds=verified.verification.seconds),
            )
    except (psycopg.OperationalError, NotReached, NotJournaledError) as error:
        complain(f"The journal does not know of it: {error}")


def _prune(directory: Path, path: Path, keep: int | None, keep_days: int | None) -> list[Shelved]:
    shelf = list_backups(directory)
    taken = next(one for one in shelf if one.path == path)
    going = to_remove(shelf, taken, keep=keep, keep_days=keep_days)
    remove(going)
    return going
