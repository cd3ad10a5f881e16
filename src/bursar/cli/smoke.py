"""`bursar smoke`: each kind of purchase once against a running deployment, and a verdict."""

import asyncio
from typing import Annotated

import typer

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
from bursar.ops.race import Finding, Verdict
from bursar.ops.smoke import run_smoke, self_test

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
def smoke(
    url: UrlOption = LOCAL_URL,
    token: TokenOption = "",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=3600, help="What takes longer is undecided.")
    ] = 60.0,
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Print the scenarios as SQL for psql, and do nothing else."),
    ] = False,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try each kind of purchase against a running deployment: success, insufficient, duplicate.

    And concurrent ones. Owners and rewards are made for it and put away afterwards. Exit code 0:
    every promise was kept; 1: one was broken; 2: nobody answers, or not everything could be put
    to the test, or it was not confirmed.
    """
    if sql:
        typer.echo(self_test(), nl=False)
        return
    with answering(as_json):
        verdict = hold_trial(
            url,
            token,
            data,
            f"Buy at {url} for throw-away owners, and put them away again.",
            confirm,
            as_json=as_json,
            work=lambda signed: _run(url, signed, seconds),
        )
        show(as_json, verdict.as_data(), *told(verdict, rounds=False))
    end_trial(verdict)


def _run(url: str, token: str, seconds: float) -> Verdict:
    said = console(stderr=True)
    with said.status("Trying …") as status:

        def show_progress(finding: Finding) -> None:
            status.update(f"Trying … {finding.scenario} is through")

        return asyncio.run(run_smoke(url, token, seconds=seconds, on_scenario=show_progress))
