"""`bursar doctor`: how the live schema differs from what the code expects; nothing is changed."""

from pathlib import Path
from typing import Annotated

import typer

from bursar.cli import doctor_views as views
from bursar.cli.answer import FAILED, answering, show
from bursar.cli.danger import reads
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.expectation import ExpectOption, SchemaOption, ScratchOption, expectation
from bursar.ops.doctor.examine import Examination, examine
from bursar.ops.doctor.script import write_repair, write_undo

app = typer.Typer(add_completion=False)


@app.command()
@reads
def doctor(
    expect: ExpectOption = None,
    schema: SchemaOption = "",
    scratch: ScratchOption = "",
    sql: Annotated[
        Path | None, typer.Option("--sql", help="Write the repair as SQL to this file.")
    ] = None,
    undo: Annotated[
        Path | None, typer.Option("--undo", help="Write the way back as SQL to this file.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="Findings that are told.")
    ] = 200,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the live schema differs from what the code expects; change nothing.

    Exit code 0: the code finds what it expects; notes may be told. 1: there are errors or
    warnings. 2: the examination could not be carried out.
    """
    with answering(as_json):
        with expectation(data, expect, schema, scratch, what="examination") as expected:
            found = examine(expected.url, expected.schema, expected.names)
            if sql is not None:
                sql.write_text(write_repair(found.plan), encoding="utf-8")
            if undo is not None:
                undo.write_text(write_undo(found.plan.steps), encoding="utf-8")
        told: list[object] = [views.findings_table(found, limit)] if found.findings else []
        told.append(views.verdict(found, limit))
        if not found.healthy:
            told.append("`bursar repair` shows how it would be mended.")
        show(as_json, _data(found, limit), *told)
    if not found.healthy:
        raise typer.Exit(FAILED)


def _data(found: Examination, limit: int) -> dict[str, object]:
    return {
        "healthy": found.healthy,
        "schemas": list(found.schemas),
        "count": len(found.findings),
        "findings": [finding.as_data() for finding in found.findings[:limit]],
        "plan": [step.as_data() for step in found.plan.steps],
        "left_alone": [refusal.as_data() for refusal in found.plan.refusals],
    }
