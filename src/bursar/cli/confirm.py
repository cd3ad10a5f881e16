"""What dangerous commands share: the plan is shown, a confirmation asked for, a journal kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from bursar.cli.answer import USAGE, CommandError, console
from bursar.cli.typist import actor, typed_command
from bursar.ops.guard import Operation, guarded, require_confirmation, shortened

ConfirmOption = Annotated[
    str,
    typer.Option(
        "--confirm",
        metavar="DATABASE",
        help="The database's name, typed again; needed where it is marked production.",
        show_default=False,
    ),
]


@contextmanager
def guarding(
    url: str,
    plan: Sequence[str],
    confirm: str,
    *,
    as_json: bool = False,
    shown: Any = None,
    question: str = "",
) -> Iterator[Operation]:
    """Show what is about to be done, and let the block do it if it may; the journal keeps it.

    `plan` has a line for each thing; `shown` is printed in its place, where a table says more.
    With `as_json` nothing is printed: a refusal has the plan. A `question` is asked of whoever sits
    there. Raises as `guarded` does, and `CommandError` when the answer is no.
    """
    if question or not as_json:
        said = console(stderr=True)
        if shown is None:
            said.print(*_lines(plan), sep="\n", style="dim", markup=False)
        else:
            said.print(shown)
    if question:
        require_confirmation(url, plan, confirm)
        if not typer.confirm(question, err=True):
            raise CommandError("Nothing was changed.", USAGE)
    with guarded(
        url, command=typed_command(), plan=plan, confirm=confirm, actor=actor()
    ) as operation:
        yield operation


def _lines(plan: Sequence[str]) -> list[str]:
    if len(plan) == 1:
        return [f"Plan: {plan[0]}"]
    return ["Plan:", *(f"  {line}" for line in shortened(plan))]
