"""`bursar up`: everything from nothing, and again in a moment."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli.answer import CommandError, answering, console, exit_code_of
from bursar.cli.deployment import Deployment
from bursar.cli.ending import Ending, Told
from bursar.cli.front_door import ProcessesOption, listen, require_free_port
from bursar.cli.target import DATABASE, DEFAULT_DIRECTORY
from bursar.cli.watch import Watch
from bursar.db.embedded import Cluster
from bursar.settings import Settings

HOST = "127.0.0.1"
SERVICE_ROLE = "bursar_service"

app = typer.Typer(add_completion=False)


@app.command()
def up(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8420,
    data: Annotated[
        Path, typer.Option("--data", help="Directory for the database and the secrets.")
    ] = DEFAULT_DIRECTORY,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="With demo users, rewards and pages.")
    ] = True,
    processes: ProcessesOption = None,
) -> None:
    """Start everything from nothing: database, schema, demo data, HTTP; run until told to stop.

    The database is an embedded PostgreSQL in the data directory, or the one that
    BURSAR_DATABASE_URL names. A second start finds everything where it was. Ctrl-C or SIGTERM
    stop it: requests under way are answered first, and the data stay.
    """
    with answering(), Ending() as ending:
        try:
            deployment = Deployment.find(data, environment_first=True)
            if processes is not None:
                deployment = replace(
                    deployment, settings=replace(deployment.settings, processes=processes)
                )
            _run(deployment, port, ending, demo=demo)
        except Told:
            console().print("Stopped.")


def _run(deployment: Deployment, port: int, ending: Ending, *, demo: bool) -> None:
    require_free_port(HOST, port)
    with ExitStack() as stack:
        stack.callback(_leave, deployment, ending)
        service = _prepare(deployment, ending, demo=demo)
        if deployment.cluster is not None:
            stack.enter_context(Watch(deployment.cluster, _say))
        listen(
            service,
            HOST,
            port,
            ending,
            demo=demo,
            on_ready=lambda address: _show_addresses(address, deployment, demo=demo),
        )
        ending.stopping()
        _say("Stopping.")


def _prepare(deployment: Deployment, ending: Ending, *, demo: bool) -> Settings:
    """Bring about all that the service needs, and return the settings to serve with."""
    settings, cluster = deployment.settings, deployment.cluster
    secret = deployment.secret(make=True)
    if cluster is not None:
        with _step("PostgreSQL is running", "Starting PostgreSQL", ending):
            cluster.start()
            cluster.create_database(DATABASE)
    admin_url = deployment.url()
    with _step("The schema is up to date", "Bringing the schema up to date", ending):
        from bursar.ops import migrate

        try:
            migrate.apply_all(admin_url)
        except migrate.MigrationError as error:
            raise CommandError(str(error), exit_code_of(error)) from error
    if demo:
        with _step("The demo is set up", "Setting up the demo", ending):
            from bursar.demo.seed import seed

            seed(admin_url)
    service_url = _service_url(cluster, admin_url)
    # A line for each request is for those who ask for it; this one is watched by people.
    log_level = os.environ.get("BURSAR_LOG_LEVEL", "").strip() or "warning"
    return replace(settings, database_url=service_url, jwt_secret=secret, log_level=log_level)


def _service_url(cluster: Cluster | None, url: str) -> str:
    if cluster is None:
        return url
    cluster.give_password(SERVICE_ROLE)
    return cluster.url(SERVICE_ROLE, DATABASE)


def _leave(deployment: Deployment, ending: Ending) -> None:
    """Stop what was started, or leave it to the others who use it."""
    ending.stopping()
    deployment.leave()
    cluster = deployment.cluster
    if cluster is not None and cluster.is_running():
        _say("PostgreSQL stays up, because another program uses it.")


@contextmanager
def _step(done: str, doing: str, ending: Ending) -> Iterator[None]:
    """Show that something is under way, then that it is done and how long it took."""
    ending.check()
    out = console()
    started = time.monotonic()
    with out.status(f"{doing} …"):
        yield
    out.print(f"[green]✓[/] {done} [dim]({time.monotonic() - started:.1f} s)[/]")
    ending.check()


def _say(sentence: str) -> None:
    console(stderr=True).print(sentence, style="dim", markup=False)


def _show_addresses(address: str, deployment: Deployment, *, demo: bool) -> None:
    """Say where everything is and what to type next; nothing secret."""
    command = _own_command()
    data = deployment.data
    where = "" if data == DEFAULT_DIRECTORY else f" --data {shlex.quote(str(data))}"
    # A database that the environment names is found there by every other command too.
    database = where if deployment.cluster is not None else ""
    rows = [("Rewards", f"{address}/demo/rewards")] if demo else []
    rows += [
        ("Try the API", f"{address}/docs"),
        ("OpenAPI", f"{address}/openapi.json"),
        ("Health", f"{address}/health"),
        ("Metrics", f"{address}/metrics"),
        ("SQL", f"{command} db psql{database}"),
        ("A token", f"{command} token --role service_role{where}"),
        ("A test", f"{command} race --url {address}{where}"),
    ]
    lines = "\n".join(f"{name:<12} {value}" for name, value in rows)
    out = console()
    out.print(f"\n[bold green]Bursar is up[/] at {address}\n")
    out.print(lines, markup=False)
    out.print("\nCtrl-C stops it; the data stay.\n", style="dim")


def _own_command() -> str:
    """How to type this program's name here."""
    called = Path(sys.argv[0])
    found = shutil.which("bursar")
    if found is not None and called.name == "bursar" and Path(found).samefile(called):
        return "bursar"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)
