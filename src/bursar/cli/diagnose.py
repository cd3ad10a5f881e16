"""`bursar diagnose`: who does what, who waits for whom, what is slow, what waits to be done."""

from typing import Annotated, Any

import typer

from bursar.cli import diagnose_views as views
from bursar.cli.answer import answering, show
from bursar.cli.danger import reads
from bursar.cli.deployment import DataOption, JsonOption, joined
from bursar.ops.diagnose import diagnose as look

LIMIT_MAX = 200

app = typer.Typer(add_completion=False)


@app.command()
@reads
def diagnose(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="Of each kind, at most so many.")
    ] = 10,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who does what, who waits for whom, what is slow, and what waits to be done.

    It only reads, and waits for nobody. Statements are shown by their first words, without what is
    between quotes. Exit code 0, whatever was found.
    """
    with answering(as_json):
        with joined(data) as deployment:
            found: dict[str, Any] = look(deployment.url(), limit=limit)
        show(as_json, found, *views.diagnosis(found))
