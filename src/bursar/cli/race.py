"""`bursar race`: many buyers at once against a running deployment, and a verdict."""

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from bursar.cli.answer import answering, console, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.trial import (
    LOCAL_URL,
    TokenOption,
    UrlOption,
    end_trial,
    hold_trial,
    told,
)
from bursar.ops.race import Finding, Verdict, run_race

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
def race(
    url: UrlOption = LOCAL_URL,
    token: TokenOption = "",
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
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Race many buyers against a running deployment; give a verdict.

    Owners and rewards are made for it and put away afterwards. Exit code 0: every promise was kept;
    1: one was broken; 2: nobody answers, or not everything could be put to the test, or it was not
    confirmed.
    """
    with answering(as_json):
        verdict = hold_trial(
            url,
            token,
            data,
            f"Let {buyers} throw-away buyers race at {url}, and put them away again.",
            confirm,
            as_json=as_json,
            work=lambda signed: _run(url, signed, buyers, rounds, seconds),
        )
        show(as_json, verdict.as_data(), *told(verdict, rounds=True))
    end_trial(verdict)


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
