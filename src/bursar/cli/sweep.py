"""`bursar sweep`: what lapsed is cleared now, instead of when a worker or scheduler comes by."""

from typing import Annotated, Any

import typer

from bursar.cli import claim_views as views
from bursar.cli.answer import FAILED, answering, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.on_bank import change_bank

LIMIT_MAX = 10_000

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
def sweep(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="Of each kind, at most so many.")
    ] = 500,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clear what lapsed: holds, reservations, stuck jobs, open deductions, keys nobody needs.

    The service's worker does the same all the time, and so does `bursar.tick()` from a scheduler.
    Exit code 1 when a sweeper failed; the others have swept.
    """
    with answering(as_json):
        swept = change_bank(
            data,
            lambda bank: bank.read("tick", limit),
            [f"Run every sweeper, for {limit:,} of its kind at most."],
            confirm,
            as_json=as_json,
            told=_sentence,
        )
        show(as_json, swept, views.fields(swept))
    if any(isinstance(count, str) for count in swept.values()):
        raise typer.Exit(FAILED)


def _sentence(swept: dict[str, Any]) -> str:
    return ", ".join(f"{sweeper}: {count}" for sweeper, count in swept.items())
