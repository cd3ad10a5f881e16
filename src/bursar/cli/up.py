"""`bursar up`: everything from nothing, and again in a moment."""

import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli import migration_views
from bursar.cli.answer import answering, console
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous
from bursar.cli.deployment import Deployment
from bursar.cli.ending import Ending, Told
from bursar.cli.front_door import ProcessesOption, listen, require_free_port, with_spool
from bursar.cli.local_card_company import LocalCardCompany
from bursar.cli.local_provider import LocalProviderOfUp
from bursar.cli.target import DATABASE, DEFAULT_DIRECTORY
from bursar.cli.typist import login_name
from bursar.cli.watch import Watch
from bursar.db.embedded import Cluster
from bursar.ops.backup.demand import demand_backup
from bursar.ops.guard import Operation
from bursar.ops.migrate.session import connect
from bursar.ops.production import is_production
from bursar.settings import Settings

HOST = "127.0.0.1"
SERVICE_ROLE = "bursar_service"
STORE_FILE = "revenuecat-authorization"

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
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
    confirm: ConfirmOption = "",
) -> None:
    """Start everything from nothing: database, schema, demo data, HTTP; run until told to stop.

    The database is an embedded PostgreSQL in the data directory, or the one that
    BURSAR_DATABASE_URL names. With the demo, and without BURSAR_STRIPE_API_KEY, a local stand-in
    takes card payments; without BURSAR_PROVIDER_URL, another one draws and writes. A second start
    finds everything where it was. Ctrl-C or SIGTERM stop it: requests under way are answered
    first, and the data stay. A database that is marked production is asked about where the schema
    would change or the demo be set up.
    """
    with answering(), Ending() as ending:
        try:
            deployment = Deployment.find(data, environment_first=True)
            if processes is not None:
                deployment = replace(
                    deployment, settings=replace(deployment.settings, processes=processes)
                )
            _run(deployment, port, ending, confirm, demo=demo)
        except Told:
            console().print("Stopped.")


def _run(deployment: Deployment, port: int, ending: Ending, confirm: str, *, demo: bool) -> None:
    require_free_port(HOST, port)
    with ExitStack() as stack:
        stack.callback(_leave, deployment, ending)
        cards, provider = None, None
        if demo and not deployment.settings.stripe_api_key:
            # It starts while the database does.
            cards = stack.enter_context(LocalCardCompany(deployment, _say))
        if demo and not deployment.settings.provider_url and deployment.settings.worker_jobs:
            provider = stack.enter_context(LocalProviderOfUp(deployment, _say))
        service = _prepare(deployment, ending, confirm, demo=demo)
        if cards is not None:
            with _step("The card company answers", "Waiting for the card company", ending):
                service = cards.add_to(service)
        if provider is not None:
            from bursar.demo.first_pictures import order_first_pictures

            with _step("The provider answers", "Waiting for the provider", ending):
                service = provider.add_to(service)
                order_first_pictures(service.database_url)
        if deployment.cluster is not None:
            stack.enter_context(Watch(deployment.cluster, _say))
        listen(
            service,
            HOST,
            port,
            ending,
            demo=demo,
            on_ready=lambda address: _tell(address, deployment, cards, provider, demo=demo),
        )
        ending.stopping()
        _say("Stopping.")


def _prepare(deployment: Deployment, ending: Ending, confirm: str, *, demo: bool) -> Settings:
    """Bring about all that the service needs, and return the settings to serve with."""
    cluster = deployment.cluster
    secret = deployment.secret(make=True)
    if cluster is not None:
        with _step("PostgreSQL is running", "Starting PostgreSQL", ending):
            cluster.start()
            cluster.create_database(DATABASE)
    admin_url = deployment.url()
    _set_up(admin_url, ending, confirm, demo=demo)
    service_url = _service_url(cluster, admin_url)
    # A line for each request is for those who ask for it; this one is watched by people.
    log_level = os.environ.get("BURSAR_LOG_LEVEL", "").strip() or "warning"
    service = replace(
        _believing_the_store(deployment),
        database_url=service_url,
        jwt_secret=secret,
        log_level=log_level,
    )
    if cluster is not None and not service.watch_directory:
        service = replace(service, watch_directory=str(cluster.place.data))
    return with_spool(service, deployment.data)


def _set_up(url: str, ending: Ending, confirm: str, *, demo: bool) -> None:
    """Bring the schema up to date, and the demo in; where neither changes anything, ask nobody."""
    from bursar.ops import migrate

    planned = migrate.plan(url)
    plan = [] if planned.empty else migration_views.plan_lines(planned)
    plan += ["The demo's visitors, rewards and leads"] if demo else []
    with _guarded(url, plan, confirm) if plan else nullcontext():
        if not planned.empty:
            demand_backup(url, Path(Settings.from_environment().backup_directory), plan=plan)
        with _step("The schema is up to date", "Bringing the schema up to date", ending):
            migrate.up(url, before_change=planned.refuse_more)
        if demo:
            with _step("The demo is set up", "Setting up the demo", ending):
                from bursar.demo.seed import seed

                seed(url)


def _guarded(url: str, plan: list[str], confirm: str) -> AbstractContextManager[Operation]:
    """Show the plan where somebody has to confirm it; elsewhere the steps tell what is done."""
    with connect(url, "bursar up") as connection:
        quiet = not is_production(connection)
    return guarding(url, plan, confirm, as_json=quiet)


def _believing_the_store(deployment: Deployment) -> Settings:
    """Return the settings of a service that knows RevenueCat by something.

    Where nothing was agreed upon, a header is made up, once, and kept in the data directory, mode
    0600: for the pretend store of the demo, and for whoever tells RevenueCat's dashboard.
    """
    settings = deployment.settings
    if settings.revenuecat_authorization or settings.revenuecat_signature_secret:
        return settings
    header = deployment.keep_secret(STORE_FILE, f"Bearer {secrets.token_urlsafe(32)}")
    return replace(settings, revenuecat_authorization=header)


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


def _tell(
    address: str,
    deployment: Deployment,
    cards: LocalCardCompany | None,
    provider: LocalProviderOfUp | None,
    *,
    demo: bool,
) -> None:
    """Say where everything is and what to type next, nothing secret; and tell the card company."""
    if cards is not None:
        cards.serve(address)
    command = _own_command()
    data = deployment.data
    where = "" if data == DEFAULT_DIRECTORY else f" --data {shlex.quote(str(data))}"
    # A database that the environment names is found there by every other command too.
    database = where if deployment.cluster is not None else ""
    fronts = ("Rewards", "Marketplace", "Shop", "Studio", "Community") if demo else ()
    rows = [(name, f"{address}/demo/{name.lower()}") for name in fronts]
    rows += [
        ("Console", f"{address}/console"),
        ("Its token", f"{command} token --role operator --sub {login_name()}{where}"),
        ("Try the API", f"{address}/docs"),
        ("OpenAPI", f"{address}/openapi.json"),
        ("Health", f"{address}/health"),
        ("Metrics", f"{address}/metrics"),
        ("SQL", f"{command} db psql{database}"),
        ("A token", f"{command} token --role service_role{where}"),
        ("A test", f"{command} race --url {address}{where}"),
    ]
    rows += [("Card company (local)", cards.address)] if cards is not None else []
    rows += [("Provider (local)", provider.address)] if provider is not None else []
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
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
