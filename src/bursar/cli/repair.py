"""`bursar repair`: mend what the doctor found; destroy nothing."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from bursar.cli import doctor_views as views
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, console, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.expectation import (
    Expectation,
    ExpectOption,
    SchemaOption,
    ScratchOption,
    expectation,
)
from bursar.ops.doctor.apply import Choices, Result
from bursar.ops.doctor.examine import Examination, examine
from bursar.ops.doctor.mend import Mending, mend
from bursar.ops.doctor.script import write_repair, write_undo
from bursar.ops.doctor.step import Step

app = typer.Typer(add_completion=False)


@app.command()
@dangerous
def repair(
    expect: ExpectOption = None,
    schema: SchemaOption = "",
    scratch: ScratchOption = "",
    sql: Annotated[bool, typer.Option("--sql", help="Print the repair as SQL instead.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Carry it out.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also what replaces or widens something that is there.")
    ] = False,
    quarantine: Annotated[
        bool,
        typer.Option("--quarantine", help="Move rows that stand in the way into side tables."),
    ] = False,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Append every statement to this file.")
    ] = None,
    undo: Annotated[
        Path | None, typer.Option("--undo", help="Write the way back of what was done here.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=20, help="Rows that are listed of each kind.")
    ] = 5,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mend what the doctor found; destroy nothing. Without --apply only the plan is shown.

    What only adds is done; what replaces or widens something is asked for, or needs --yes; what
    could lose something is left alone and told. Exit code 0: the code finds what it expects. 1:
    something is left to do, or would be done. 2: it could not be carried out.
    """
    with answering(as_json):
        if sql and apply:
            raise CommandError("--sql prints and --apply carries out: choose one.", USAGE)
        with expectation(data, expect, schema, scratch, what="repair") as expected:
            if apply:
                choices = Choices(changes=yes, agree=_asking(as_json), quarantine=quarantine)
                planned = examine(expected.url, expected.schema, expected.names).plan
                with guarding(
                    expected.url, views.plan_lines(planned), confirm, as_json=as_json
                ) as operation:
                    mending = _apply(expected, choices, journal, limit, as_json)
                    operation.result = views.mended_sentence(mending)
                if undo is not None:
                    undo.write_text(write_undo(mending.done), encoding="utf-8")
                healthy = mending.left.healthy
            else:
                found = examine(expected.url, expected.schema, expected.names)
                _show_plan(found, sql, yes, as_json)
                healthy = found.healthy
    if not healthy:
        raise typer.Exit(FAILED)


def _show_plan(found: Examination, sql: bool, yes: bool, as_json: bool) -> None:
    if sql and not as_json:
        typer.echo(write_repair(found.plan, changes=yes), nl=False)
        return
    data = {
        "applied": False,
        "healthy": found.healthy,
        "plan": [step.as_data() for step in found.plan.steps],
        "left_alone": [refusal.as_data() for refusal in found.plan.refusals],
        **({"sql": write_repair(found.plan, changes=yes)} if sql else {}),
    }
    hint = ["Nothing was changed; --apply carries it out."] * bool(found.plan.steps)
    show(as_json, data, views.plan_view(found.plan), *hint)


def _apply(
    expected: Expectation, choices: Choices, journal: Path | None, limit: int, as_json: bool
) -> Mending:
    said = console(stderr=True)

    def on_step(result: Result) -> None:
        if not as_json:
            said.print(views.step_line(result, limit))

    with _writing(journal) as write:
        mending = mend(
            expected.url, expected.schema, expected.names, choices, journal=write, on_step=on_step
        )
    left = mending.left
    data = {
        "applied": True,
        "healthy": left.healthy,
        "results": [{**r.as_data(), "rows": r.rows[:limit]} for r in mending.results],
        "left": [finding.as_data() for finding in left.findings],
        "left_alone": [refusal.as_data() for refusal in left.plan.refusals],
    }
    told = views.left_alone(left.findings)
    show(
        as_json,
        data,
        views.mended_sentence(mending),
        *(["Left:", *told] if told else []),
        views.verdict(left, len(left.findings)),
    )
    return mending


@contextlib.contextmanager
def _writing(journal: Path | None) -> Iterator[Callable[[str], object]]:
    """Append to the journal, each line on the disk before its statement is sent.

    Only its owner may read it: statements may hold values.
    """
    if journal is None:
        yield lambda line: None
        return
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        yield lambda line: _keep(file, line)


def _keep(file: TextIO, line: str) -> None:
    file.write(line)
    file.flush()
    os.fsync(file.fileno())


def _asking(as_json: bool) -> Callable[[Step], bool]:
    """Ask about each step once, where somebody sits at a terminal; else nobody agrees."""
    answers: dict[str, bool] = {}

    def agree(step: Step) -> bool:
        if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        if step.finding.id not in answers:
            typer.echo(step.finding.sentence, err=True)
            typer.echo("".join(f"    {s.sql};\n" for s in step.statements), err=True, nl=False)
            answers[step.finding.id] = typer.confirm("Replace it?", err=True, default=False)
        return answers[step.finding.id]

    return agree
