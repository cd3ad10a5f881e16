"""`bursar audit`: prove the ledger's promises on live data, and name what breaks them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import psycopg
import typer
from rich.console import Group
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bursar.cli.answer import FAILED, CommandError, answering, console, show
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops.audit import Report, Verdict, run_audit

# Nothing was proved either way: the database is not there, or did not let the audit end.
FAULT = 2

app = typer.Typer(add_completion=False)


@app.command()
def audit(
    only: Annotated[
        str,
        typer.Option(
            "--only", help="Names of invariants, separated by commas.", show_default=False
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="Findings told of each invariant.")
    ] = 20,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=16, help="Connections that work side by side.")
    ] = 2,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the ledger's promises on live data; change nothing.

    Everything is looked at as of one moment, and nobody is held up. Exit code 0: every promise
    holds; 1: there are findings; 2: the audit could not be carried out.
    """
    with answering(as_json):
        names = [name.strip() for name in only.split(",") if name.strip()]
        with _faults():
            deployment = Deployment.find(data)
            deployment.join()
            try:
                report = _run(deployment, names, limit, jobs)
            finally:
                deployment.leave()
        show(as_json, report.as_data(), *_views(report))
    if not report.clean:
        raise typer.Exit(FAILED)


@contextmanager
def _faults() -> Iterator[None]:
    """Let whatever keeps the audit from its end end the command with one exit code."""
    try:
        yield
    except (CommandError, ClusterError, BursarError, psycopg.Error, OSError) as error:
        raise CommandError(f"The audit could not be carried out. {error}", FAULT) from error


def _run(deployment: Deployment, only: list[str], limit: int, jobs: int) -> Report:
    columns = (TextColumn("Auditing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    said = console(stderr=True)
    with Progress(*columns, console=said, transient=True, disable=not said.is_terminal) as progress:
        task = progress.add_task("audit", total=None)
        return asyncio.run(
            run_audit(
                deployment.url(),
                deployment.settings,
                only=only,
                limit=limit,
                jobs=jobs,
                on_piece=lambda done, pieces: progress.update(task, completed=done, total=pieces),
            )
        )


def _views(report: Report) -> list[Table | Group | str]:
    table = Table()
    for name in ("promise", "invariant", "must hold", "rows", "findings", "seconds"):
        right = name in ("rows", "findings", "seconds")
        table.add_column(name, justify="right" if right else "left")
    for verdict in report.verdicts:
        table.add_row(
            verdict.invariant.promise,
            verdict.invariant.name,
            verdict.invariant.sentence,
            f"{verdict.rows:,}",
            f"[green]{verdict.findings}[/]" if verdict.holds else f"[red]{verdict.findings:,}[/]",
            f"{verdict.seconds:.2f}",
        )
    broken = [verdict for verdict in report.verdicts if not verdict.holds]
    return [table, *map(_findings, broken), _sentence(report)]


def _findings(verdict: Verdict) -> Group:
    table = Table(title=verdict.invariant.name, title_justify="left")
    for name in ("what", "where", "expected", "found"):
        table.add_column(name, overflow="fold")
    for finding in verdict.told:
        where = ", ".join(f"{name} {value}" for name, value in finding.ids.items())
        table.add_row(*map(escape, (finding.what, where, finding.expected, finding.found)))
    more = verdict.findings - len(verdict.told)
    said: list[Table | str] = [table, escape(verdict.invariant.meaning)]
    if more:
        said.append(f"There are {more:,} more; --limit tells more of them.")
    return Group(*said)


def _sentence(report: Report) -> str:
    rows = sum(verdict.rows for verdict in report.verdicts)
    took = f"{rows:,} rows were checked in {report.seconds:.1f} s, as of {report.taken_at[:19]}."
    broken = sum(not verdict.holds for verdict in report.verdicts)
    if broken:
        return f"[bold red]{broken} of {len(report.verdicts)} invariants do not hold.[/] {took}"
    return f"[bold green]Every invariant holds.[/] {took}"
