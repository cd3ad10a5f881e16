"""`bursar reconcile`: mend what the audit found, by compensation alone; a dry run by default."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bursar.cli import reconcile_views as views
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.copy_file import write_copy
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, Deployment, JsonOption, joined
from bursar.cli.progress import progress_bar
from bursar.cli.typist import actor
from bursar.ops.reconcile import Reconciliation, reconcile
from bursar.ops.reconcile.run import Wishes

REASON_LENGTH_MAX = 200

app = typer.Typer(add_completion=False)


@app.command("reconcile")
@dangerous
def reconcile_command(
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without this, only say what is due.")
    ] = False,
    keep_balances: Annotated[
        bool,
        typer.Option(
            "--keep-balances",
            help="Let balances stay that were written past the kernel; their entries catch up.",
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept with each correction.")
    ] = "reconciled with the entries",
    backup_to: Annotated[
        Path, typer.Option("--backup-to", help="Directory for the copy of what will be touched.")
    ] = Path("backups"),
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=16, help="Connections that audit side by side.")
    ] = 2,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mend what the audit and the seals find, as far as compensation can; show the plan first.

    No transaction and no entry is changed: corrections are new ones, and rows that only repeat what
    entries, items or events say are written anew. What cannot be mended so is listed with its
    procedure in docs/runbook.md. A copy of what is touched is written first. Exit code 0: nothing
    is wrong any more; 1: something is left, or would be mended.
    """
    with answering(as_json):
        if not 1 <= len(reason) <= REASON_LENGTH_MAX:
            raise CommandError(f"A reason has 1 to {REASON_LENGTH_MAX} characters.", USAGE)
        wishes = Wishes(reason, actor(), keep_balances, jobs)
        with joined(data) as deployment:
            result = _run(deployment, wishes, None)
            if apply:
                result = _carry_out(deployment, wishes, result, backup_to, confirm, as_json)
        show(as_json, result.as_data(), *views.reconciliation(result))
    if not result.clean:
        raise typer.Exit(FAILED)


def _carry_out(
    deployment: Deployment,
    wishes: Wishes,
    found: Reconciliation,
    backup_to: Path,
    confirm: str,
    as_json: bool,
) -> Reconciliation:
    """Show what was found, and carry it out where that is allowed; the journal keeps it."""

    def back_up(rows: list[dict[str, Any]]) -> str:
        return str(write_copy(rows, backup_to, "reconcile"))

    plan = views.plan_lines(found)
    with guarding(deployment.url(), plan, confirm, as_json=as_json) as operation:
        result = _run(deployment, wishes, back_up)
        operation.result = (
            f"{len(result.steps):,} steps were carried out; {result.left:,} findings are left."
        )
    return result


def _run(
    deployment: Deployment,
    wishes: Wishes,
    back_up: Callable[[list[dict[str, Any]]], str] | None,
) -> Reconciliation:
    with progress_bar("Auditing") as on_piece:
        return asyncio.run(
            reconcile(
                deployment.url(),
                deployment.settings,
                wishes,
                back_up=back_up,
                on_piece=on_piece,
            )
        )
