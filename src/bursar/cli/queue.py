"""`bursar queue`: what was accepted and waits, in the database and in the spool."""

import asyncio
from pathlib import Path
from typing import Any

import typer
from rich.progress import Progress as Bar

from bursar.claims.replay import Progress, replay_queue, replay_spool
from bursar.claims.spool import Spool
from bursar.cli import claim_views as views
from bursar.cli.answer import FAILED, answering, console, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous, reads
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.cli.on_bank import change_bank, on_bank
from bursar.client import Bank

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What was accepted and waits: list it, replay it.",
)
LIST_MAX = 1000


@app.command("list")
@reads
def list_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List events and claims that wait or were set aside, oldest first, and the spool's length."""
    with answering(as_json):
        work = on_bank(data, lambda bank: bank.read("list_store_work", LIST_MAX))
        spool = _spool(data)
        kept = 0 if spool is None else len(asyncio.run(spool.waiting()))
        found = {"waiting": work, "spooled": kept}
        show(as_json, found, views.queue_table(work), f"In the spool: {kept}")


@app.command("replay")
@dangerous
def replay_command(
    confirm: ConfirmOption = "", data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Carry out what waits: the spool, then the queue, in order; replayed twice, it adds nothing.

    What was set aside is tried again as well. Exit code 1 when something is left or fails.
    """
    with answering(as_json), Bar(console=console(stderr=True), disable=as_json) as bar:
        spool = _spool(data)
        result = change_bank(
            data,
            lambda bank: _replay(bank, spool, bar),
            ["Carry out what waits in the spool and in the queue, and what was set aside."],
            confirm,
            as_json=as_json,
            told=_sentence,
        )
        show(as_json, result, views.fields(result))
        if result["left"] or result["set_aside"]:
            raise typer.Exit(FAILED)


async def _replay(bank: Bank, spool: Spool | None, bar: Bar) -> dict[str, Any]:
    again = await bank.read("take_store_work_up")
    spooled = Progress() if spool is None else await replay_spool(bank, spool)
    task = bar.add_task("Replaying", total=None)

    def shown(progress: Progress) -> None:
        bar.update(task, completed=progress.done, total=progress.done + progress.left)

    queued = await replay_queue(bank, shown)
    return {
        "from the spool": spooled.done,
        "from the queue": queued.done,
        "tried again": again["events"] + again["claims"],
        "set_aside": spooled.aside + queued.aside,
        "left": spooled.left + queued.left,
    }


def _sentence(result: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in result.items())


def _spool(data: Path | None) -> Spool | None:
    """The spool of the deployment, where the service keeps what it accepts without a database."""
    deployment = Deployment.find(data)
    settings = deployment.settings
    named = settings.spool_directory
    directory = Path(named) if named else deployment.data / "spool"
    return Spool(directory, settings.spool_bytes_max) if directory.is_dir() else None
