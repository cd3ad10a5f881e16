"""`bursar deploy`: backup, up, verify, smoke, one after the other, or the way back."""

import asyncio
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bursar.cli.answer import answering, console, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, Deployment, JsonOption, as_typed
from bursar.cli.long_work import LongWork, long_work
from bursar.cli.migrate import Backups, Contract, Rooms
from bursar.cli.migration_views import plan_table, rooms_of
from bursar.cli.trial import TokenOption
from bursar.http.auth import mint
from bursar.ops import deploy as ops
from bursar.ops import migrate
from bursar.ops.guard import require_confirmation
from bursar.ops.migrate.session import connect
from bursar.ops.production import database_of, is_production
from bursar.ops.race import Unreachable
from bursar.ops.smoke import run_smoke

_TOKEN_SECONDS = 600
_SECONDS = 20.0

app = typer.Typer(add_completion=False)


UrlOption = Annotated[
    str, typer.Option("--url", help="Where the service that uses this database answers.")
]
SmokeOption = Annotated[
    bool, typer.Option("--smoke/--no-smoke", help="Try the service at the end.")
]
SkipOption = Annotated[
    bool,
    typer.Option("--skip-backup", help="Take none: there is a verified one of the last 24 hours."),
]


@app.command()
@dangerous
def deploy(
    rooms: Rooms = "",
    contract: Contract = False,
    backups: Backups = None,
    skip_backup: SkipOption = False,
    url: UrlOption = "http://127.0.0.1:8420",
    smoke: SmokeOption = True,
    token: TokenOption = "",
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take and prove a backup, move the schema, verify it, and try the service: guided.

    Everybody goes on meanwhile. The first stage that does not hold ends it, and the commands that
    lead back are printed. Exit code 0: done; 1: a stage did not hold; 2: not confirmed, or no
    verified backup; 3 to 6: as `bursar migrate`.
    """
    with answering(as_json):
        deployment = Deployment.find(data)
        deployment.join()
        try:
            target = deployment.url()
            prepared = ops.prepare(
                target,
                deployment.settings,
                backups or Path(deployment.settings.backup_directory),
                rooms=rooms_of(rooms),
                contract=contract,
                skip_backup=skip_backup,
                smoke=_smoke_of(deployment, url, token) if smoke else None,
                typed=f"{_confirmed(target)}{as_typed(data)}",
            )
            outcome = _carry_out(prepared, confirm, as_json)
        finally:
            deployment.leave()
        show(as_json, asdict(outcome), *_views(outcome))
    if outcome.failed:
        raise typer.Exit(outcome.exit_code)


def _carry_out(prepared: ops.Deployment, confirm: str, as_json: bool) -> ops.Deployed:
    require_confirmation(prepared.url, prepared.lines, confirm)
    if not as_json and not prepared.plan.empty:
        console(stderr=True).print(plan_table(prepared.plan, migrate.describe(prepared.url)))
    try:
        with (
            guarding(prepared.url, prepared.lines, confirm, as_json=as_json) as operation,
            long_work("`bursar migrate status` says where the schema is.") as work,
        ):
            outcome = ops.carry_out(prepared, _Said(work, quiet=as_json))
            done = ", ".join(f"{stage.name} in {stage.seconds:.1f} s" for stage in outcome.done)
            if outcome.failed:
                raise _StoppedError(outcome, done)
            operation.result = f"{done}."
    except _StoppedError as stopped:
        return stopped.outcome
    return outcome


class _StoppedError(Exception):
    """A stage did not hold: the journal keeps it as a failure."""

    def __init__(self, outcome: ops.Deployed, done: str) -> None:
        super().__init__(
            f"{done or 'Nothing'}; then {outcome.failed} did not hold: {outcome.complaint}"
        )
        self.outcome = outcome


class _Said(ops.Telling):
    """Tells a deployment on the terminal."""

    def __init__(self, work: LongWork, *, quiet: bool) -> None:
        self._work = work
        self._quiet = quiet
        self._said = console(stderr=True)

    def began(self, name: str, number: int, of: int) -> None:
        """Say which stage begins."""
        if not self._quiet:
            self._said.print(f"{number}/{of} {name} …", style="bold")

    def under_way(self, doing: str) -> None:
        """Show how far it is."""
        self._work.say(doing)

    def ended(self, stage: ops.StageDone) -> None:
        """Say what came of it, and how long it took."""
        if not self._quiet:
            self._said.print(f"    {stage.result} ({stage.seconds:.1f} s)", markup=False)


def _smoke_of(deployment: Deployment, url: str, token: str) -> ops.Smoke:
    """Return what tries the service at `url`: each kind of purchase, put away afterwards."""
    signed = token or mint("service_role", None, deployment.secret(), _TOKEN_SECONDS)

    def smoke() -> str:
        try:
            verdict = asyncio.run(run_smoke(url, signed, seconds=_SECONDS))
        except Unreachable as error:
            raise ops.StageFailed(f"Nobody was tried at {url}: {error}") from error
        if verdict.result != "kept":
            broken = [sentence for one in verdict.findings for sentence in one.broken]
            raise ops.StageFailed(
                "; ".join(broken) or "Not everything could be put to the test in time."
            )
        requests = sum(sum(one.answers.values()) for one in verdict.findings)
        return f"{requests} requests at {url}, every promise kept"

    return smoke


def _confirmed(url: str) -> str:
    """Return how the way back is confirmed where the database is production."""
    with connect(url) as connection:
        if not is_production(connection):
            return ""
        return f" --confirm {shlex.quote(database_of(connection))}"


def _views(outcome: ops.Deployed) -> list[Any]:
    seconds = sum(stage.seconds for stage in outcome.done)
    if not outcome.failed:
        return [f"[bold green]Deployed[/] in {seconds:.1f} s."]
    lines = [f"[bold red]{outcome.failed} did not hold:[/] {escape(outcome.complaint)}"]
    if outcome.way_back:
        lines += ["The way back:", *(f"  {escape(one)}" for one in outcome.way_back)]
    else:
        lines.append("Nothing was changed.")
    return lines
