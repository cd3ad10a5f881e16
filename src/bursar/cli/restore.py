"""`bursar restore`: a backup goes beside the live database, is checked, and takes its place."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bursar.cli import backup_views as views
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, console, show
from bursar.cli.backup import JobsOption
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, Deployment, JsonOption, as_typed, joined
from bursar.cli.long_work import long_work
from bursar.ops import backup as ops

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
def restore(
    file: Annotated[
        Path | None, typer.Argument(help="The backup: backup_….dump.", show_default=False)
    ] = None,
    into: Annotated[
        str,
        typer.Option(
            "--into", help="Restore into a new database of this name, and leave it there."
        ),
    ] = "",
    back: Annotated[
        str,
        typer.Option("--back", help="Make this database the live one again: the way back."),
    ] = "",
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring an older copy up to this release first.")
    ] = False,
    without_manifest: Annotated[
        bool,
        typer.Option("--without-manifest", help="A file that lost its manifest: checked less."),
    ] = False,
    jobs: JobsOption = 2,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup beside the live database, check it, and let it take the live one's place.

    What was live is kept under another name, and the way back is printed. Until the copy was found
    good the live database is not touched. Exit code 0: done; 1: the copy is not what it should be,
    or could not be made; 2: not confirmed. --into changes nothing that is there.
    """
    with answering(as_json):
        if (file is None) == (not back):
            raise CommandError("Name a file to restore, or a database with --back.", USAGE)
        with joined(data) as deployment:
            if file is None:
                _go_back(deployment.url(), back, confirm, as_json)
                return
            plan = ops.prepare(
                file,
                deployment.url(),
                into=into,
                without_manifest=without_manifest,
                typed=f"bursar restore{as_typed(data)}",
            )
            work = partial(_restore, deployment, plan, migrate=migrate, jobs=jobs)
            if plan.swaps and plan.outgoing is not None:
                outcome = _guarded(deployment.url(), plan, confirm, as_json, work)
            else:
                # Nothing that is there changes, so nobody has to confirm it.
                _show_plan(plan.plan, as_json)
                outcome = work()
        show(as_json, views.restored_data(plan, outcome), *views.restored(plan, outcome))
    if outcome.findings:
        raise typer.Exit(FAILED)


def _guarded(
    url: str, plan: ops.Restore, confirm: str, as_json: bool, work: Callable[[], ops.Outcome]
) -> ops.Outcome:
    """Do it if it may be done. Its end is written into the journal of what is live by then."""
    with guarding(url, plan.plan, confirm, as_json=as_json) as operation:
        outcome = work()
        operation.result = f"{plan.archive.path.name} is live. The way back: {plan.undo}"
        return outcome


def _restore(deployment: Deployment, plan: ops.Restore, *, migrate: bool, jobs: int) -> ops.Outcome:
    with long_work(f"The copy was dropped; {plan.live} is as it was.") as work:
        return ops.restore(
            plan,
            deployment.url(),
            deployment.settings,
            migrate=migrate,
            jobs=jobs,
            on_stage=work.say,
        )


def _go_back(url: str, name: str, confirm: str, as_json: bool) -> None:
    swap, plan = ops.plan_back(url, name)
    with ExitStack() as stack:
        if swap.outgoing is None:
            _show_plan(plan, as_json)
        else:
            operation = stack.enter_context(guarding(url, plan, confirm, as_json=as_json))
            operation.result = f"{swap.incoming} is live; what was live is {swap.outgoing}."
        ops.carry_out(url, swap)
    said: dict[str, Any] = {"live": swap.live, "was": swap.incoming, "kept": swap.outgoing}
    show(as_json, said, views.went_back(swap))


def _show_plan(plan: list[str], as_json: bool) -> None:
    if not as_json:
        said = console(stderr=True)
        said.print("Plan:", *(f"  {line}" for line in plan), sep="\n", style="dim", markup=False)
