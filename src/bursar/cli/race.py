"""`bursar race`: many buyers at once against a running deployment, and a verdict."""

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from bursar.cli.answer import FAILED, CommandError, answering, console, show
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.http.auth import mint
from bursar.ops.race import Finding, Unreachable, Verdict, run_race

# A verdict could not be reached: nobody answers, or not everything was put to the test.
UNDECIDED = 2
_TOKEN_SECONDS = 3600

app = typer.Typer(add_completion=False)


@app.command()
def race(
    url: Annotated[
        str, typer.Option("--url", help="Where the deployment answers.")
    ] = "http://127.0.0.1:8420",
    token: Annotated[
        str,
        typer.Option(
            "--token",
            envvar="BURSAR_TOKEN",
            show_default=False,
            help="A service_role token; without it one is signed with the data directory's secret.",
        ),
    ] = "",
    buyers: Annotated[
        int, typer.Option("-n", "--buyers", min=2, max=1000, help="Buyers at once.")
    ] = 100,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, max=10_000, help="Of the two windows; crowds a tenth."),
    ] = 50,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=3600, help="No round begins after this time.")
    ] = 120.0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Race many buyers against a running deployment; give a verdict.

    Owners and rewards are made for it and put away afterwards. Exit code 0: every promise was kept;
    1: one was broken; 2: nobody answers, or not everything could be put to the test.
    """
    with answering(as_json):
        try:
            signed = token or mint(
                "service_role", None, Deployment.find(data).secret(), _TOKEN_SECONDS
            )
            verdict = _run(url, signed, buyers, rounds, seconds)
        except Unreachable as error:
            raise CommandError(f"No race at {url}: {error}", UNDECIDED) from error
        except CommandError as error:
            raise CommandError(str(error), UNDECIDED) from error
        show(as_json, verdict.as_data(), *_views(verdict))
    if verdict.result != "kept":
        raise typer.Exit(FAILED if verdict.result == "broken" else UNDECIDED)


def _run(url: str, token: str, buyers: int, rounds: int, seconds: float) -> Verdict:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def advance(finding: Finding, wanted: int) -> None:
            if finding.scenario not in tasks:
                tasks[finding.scenario] = progress.add_task(finding.scenario, total=wanted)
            progress.update(tasks[finding.scenario], completed=finding.rounds)

        return asyncio.run(
            run_race(url, token, buyers=buyers, rounds=rounds, seconds=seconds, on_round=advance)
        )


def _views(verdict: Verdict) -> list[Table | str]:
    table = Table()
    for name in ("scenario", "must hold", "rounds", "answers", "p50 ms", "p95 ms", "verdict"):
        right = name in ("rounds", "p50 ms", "p95 ms")
        table.add_column(name, justify="right" if right else "left")
    for finding in verdict.findings:
        answers = ", ".join(f"{count:,} {code}" for code, count in finding.answers.most_common())
        timed = bool(finding.milliseconds)
        table.add_row(
            finding.scenario,
            finding.promise,
            str(finding.rounds),
            escape(answers),
            str(finding.percentile(0.5)) if timed else "",
            str(finding.percentile(0.95)) if timed else "",
            _word(finding),
        )
    shown: list[Table | str] = [table]
    shown += [
        f"[red]{finding.scenario}: {escape(sentence)}.[/]"
        for finding in verdict.findings
        for sentence in finding.broken
    ]
    shown += [f"[yellow]Left behind, {escape(what)}[/]" for what in verdict.left_behind]
    return [*shown, _sentence(verdict)]


def _word(finding: Finding) -> str:
    if finding.broken_count:
        return f"[bold red]broken {finding.broken_count} times[/]"
    return "[green]kept[/]" if finding.decided else "[yellow]undecided[/]"


def _sentence(verdict: Verdict) -> str:
    took = f"({verdict.seconds:.1f} s)"
    if verdict.result == "broken":
        return f"[bold red]A promise was broken.[/] {took}"
    if verdict.result == "undecided":
        return f"[bold yellow]Undecided: not everything could be put to the test.[/] {took}"
    return f"[bold green]Every promise was kept.[/] {took}"
