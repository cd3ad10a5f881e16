"""`bursar monitor`: how the service does, by the alert rules, from the database alone."""

import re
import time
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from bursar.cli import monitor_views as views
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, complain, console, show
from bursar.cli.danger import unguarded
from bursar.cli.deployment import DataOption, JsonOption, joined
from bursar.cli.on_bank import ask
from bursar.client import Bank
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops.monitor.look import Report, look
from bursar.ops.monitor.tell import Webhook, note_turns, require_address, tell_events
from bursar.ops.monitor.write import DASHBOARD_FILE, RULES_FILE
from bursar.settings import Settings

# Nothing can be told: there is too little data, or the database is not there.
UNTOLD = 2
SPAN_MINUTES_MAX = 1440
_SPAN = re.compile(r"(\d{1,5})\s*(m|min|h)?")

app = typer.Typer(add_completion=False)


@app.command()
@unguarded("it changes nothing but, with a webhook, what it notes of alerts that were told")
def monitor(
    span: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="SPAN",
            help="Judge the last so long as a whole, such as 15m or 2h.",
            show_default=False,
        ),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option("--every", min=1, max=3600, help="With --watch: seconds between looks.")
    ] = 15.0,
    webhook: Annotated[
        str,
        typer.Option(
            "--webhook",
            metavar="URL",
            show_default=False,
            help="Tell this address of alerts that fire and clear; better BURSAR_ALERT_WEBHOOK.",
        ),
    ] = "",
    rules: Annotated[bool, typer.Option("--rules", help="Print the rules for Prometheus.")] = False,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Print the dashboard for Grafana.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the service does: each figure, its threshold and target, and which alerts fire.

    From the counts that the service keeps in its database, by the database's clock; Prometheus is
    not needed. Exit code 0: no alert fires; 1: one does; 2: it cannot be told, since there is too
    little data, which is said, or no database.
    """
    if rules or dashboard:
        for wanted, file in ((rules, RULES_FILE), (dashboard, DASHBOARD_FILE)):
            if wanted:
                typer.echo(file.read_text("utf-8"), nl=False)
        return
    with answering(as_json):
        minutes = minutes_of(span) if span else 0
        if minutes and webhook:
            raise CommandError(
                "--for judges another span than the alerts do, so nobody is told of it.", USAGE
            )
        # What is set for the service is told of alerts, and not of another span either.
        address = webhook or ("" if minutes else Settings.from_environment().alert_webhook)
        require_address(address)
        while True:
            report = _look(data, minutes, address)
            show(as_json, report.as_data(), *views.page(report))
            if not watch:
                break
            time.sleep(every)
    if not report.is_told and not report.firing:
        raise typer.Exit(UNTOLD)
    if report.firing:
        raise typer.Exit(FAILED)


def minutes_of(span: str) -> int:
    """Read a span such as 15m, 90 or 2h as minutes. Raises `CommandError`."""
    found = _SPAN.fullmatch(span.strip())
    minutes = int(found[1]) * (60 if found[2] == "h" else 1) if found else 0
    if not 1 <= minutes <= SPAN_MINUTES_MAX:
        raise CommandError("--for takes minutes or hours, such as 15m or 2h, a day at most.", USAGE)
    return minutes


def _look(data: Path | None, minutes: int, address: str) -> Report:
    async def work(bank: Bank) -> Report:
        report = await look(bank, span=minutes, live=True)
        if address:
            await _tell(bank, report, address)
        return report

    try:
        with joined(data) as deployment:
            return ask(deployment, work)
    except (CommandError, ClusterError, BursarError, psycopg.Error, OSError) as error:
        raise CommandError(f"It cannot be told how the service does. {error}", UNTOLD) from error


async def _tell(bank: Bank, report: Report, address: str) -> None:
    webhook = Webhook(address)
    try:
        await note_turns(bank, report)
        told, complaint = await tell_events(bank, webhook)
    finally:
        await webhook.close()
    if told:
        console(stderr=True).print(f"Told the webhook of {told} changes.", style="dim")
    if complaint:
        complain(f"The webhook could not be told: {complaint}. It is tried again.")
