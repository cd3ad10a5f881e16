"""`bursar db`: the database under a deployment: its URL, psql, start, stop, status."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg.conninfo import conninfo_to_dict
from rich.table import Table

from bursar.cli.answer import (
    FAILED,
    UNREACHABLE,
    CommandError,
    answering,
    console,
    show,
)
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous, reads, unguarded
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.db.embedded import ADMIN_ROLE, Cluster
from bursar.db.libpq import libpq_environment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The database: its URL, psql, start, stop, status.",
)

Role = Annotated[
    str,
    typer.Option("--role", help="bursar_admin, the operator's superuser, or bursar_service."),
]


@app.command("url")
@reads
def url_command(
    role: Role = ADMIN_ROLE, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Print the libpq URL of the database. It holds a password: take care where it goes.

    A server that is stopped is started and stays; `bursar db stop` stops it.
    """
    with answering(as_json):
        deployment = Deployment.find(data)
        if deployment.cluster is not None and not deployment.require_cluster().is_running():
            deployment.cluster.start()  # left running: a URL to nothing is of no use
            console(stderr=True).print("PostgreSQL was started. `bursar db stop` stops it.")
        url = deployment.url(role)
        if as_json:
            show(True, {"url": url, "role": conninfo_to_dict(url).get("user")})
        else:
            typer.echo(url)


@app.command("psql", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@unguarded("what is typed there is SQL, for which the rights of its role decide")
def psql_command(context: typer.Context, role: Role = ADMIN_ROLE, data: DataOption = None) -> None:
    """Open psql on the database; further arguments are psql's, such as -c 'SELECT 1'."""
    with answering():
        deployment = Deployment.find(data)
        deployment.join()
        try:
            code = _run_psql(deployment, role, list(context.args))
        finally:
            deployment.leave()
    raise typer.Exit(code)


@app.command("start")
@reads
def start_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Start the server of an existing database and leave it running."""
    with answering(as_json):
        cluster = Deployment.find(data).require_cluster()
        was_running = cluster.is_running()
        cluster.start()
        said = "PostgreSQL was running already." if was_running else "PostgreSQL is running."
        show(as_json, {"running": True, "pid": cluster.pid, "started": not was_running}, said)


@app.command("stop")
@dangerous
def stop_command(
    data: DataOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also when other programs use it.")
    ] = False,
    confirm: ConfirmOption = "",
    as_json: JsonOption = False,
) -> None:
    """Stop the server, unless a program uses it: a `bursar up`, for instance."""
    with answering(as_json):
        deployment = Deployment.find(data)
        cluster = deployment.require_cluster()
        users = cluster.users()
        if users and not force:
            raise CommandError(
                f"The server is in use by {_processes(users)}. Stop what uses it, or add --force; "
                "a running `bursar up` will start it again.",
                FAILED,
            )
        was_running = cluster.is_running()
        if force and was_running:
            told = (
                f"Stop PostgreSQL, which is in use by {_processes(users) if users else 'nobody'}."
            )
            with guarding(deployment.url(), [told], confirm, as_json=as_json) as operation:
                # Said before it is done: there is no journal to write to afterwards.
                operation.result = "PostgreSQL is told to stop."
        cluster.shut_down()
        said = "PostgreSQL is stopped." if was_running else "PostgreSQL was not running."
        show(as_json, {"running": False, "stopped": was_running}, said)


@app.command("status")
@reads
def status_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say whether the server runs, and who uses it; exit code 6 when it does not run."""
    with answering(as_json):
        cluster = Deployment.find(data).require_cluster()
        found = _status(cluster)
        show(as_json, found, _status_table(found))
        if not found["running"]:
            raise typer.Exit(UNREACHABLE)


def _status(cluster: Cluster) -> dict[str, Any]:
    pid = cluster.pid
    return {
        "running": pid is not None,
        "pid": pid,
        "users": cluster.users(),
        "data": str(cluster.place.data),
        "socket": str(cluster.place.socket_directory),
        "log": str(cluster.log_path),
    }


def _status_table(found: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    running = f"running, process {found['pid']}" if found["running"] else "not running"
    table.add_row("PostgreSQL", running)
    table.add_row("Used by", _processes(found["users"]) if found["users"] else "nobody")
    for name in ("data", "socket", "log"):
        table.add_row(name.capitalize(), found[name])
    return table


def _processes(pids: list[int]) -> str:
    return f"process{'' if len(pids) == 1 else 'es'} {', '.join(map(str, pids))}"


def _run_psql(deployment: Deployment, role: str, arguments: list[str]) -> int:
    program = _psql(deployment)
    environment = libpq_environment(deployment.url(role))
    # Ctrl-C is psql's to handle: it ends a query there, not the session.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        command = [str(program), *arguments]
        # The arguments are the user's own.
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)


def _psql(deployment: Deployment) -> Path | str:
    if deployment.cluster is not None:
        return deployment.cluster.psql_path
    found = shutil.which("psql")
    if found is None:
        raise CommandError("psql was not found on this machine.", FAILED)
    return found
