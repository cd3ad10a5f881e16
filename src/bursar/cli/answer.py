"""How every command answers: tables for people, JSON for programs, one exit code for each ending.

What a command was asked for goes to standard output; everything said about it to standard error.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import typer
from rich.console import Console

from bursar.db.fault import ClusterError
from bursar.db.pool import redact
from bursar.errors import BursarError, Refused

FAILED = 1  # refused, or failed, or a promise was found broken
USAGE = 2  # the command line or a BURSAR_* variable cannot be read
UNREACHABLE = 6  # the database, or the service, is not there
ADDRESS_TAKEN = 7  # another program listens at the port

WIDTH_WITHOUT_TERMINAL = 200


class CommandError(Exception):
    """Ends a command with a sentence for people and an exit code for programs."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class _LastingConsole(Console):
    """A console whose reader may go away: what is still said then goes nowhere.

    A service must not end, nor stop minding its database, because nobody listens to it any more.
    """

    def on_broken_pipe(self) -> None:
        """Let everything that is still written go nowhere."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def console(*, stderr: bool = False) -> Console:
    """Return where to write. Where it is no terminal, tables may be wider than one."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else WIDTH_WITHOUT_TERMINAL
    return _LastingConsole(stderr=stderr, soft_wrap=True, highlight=False, width=width)


def show(as_json: bool, data: Any, *renderables: Any) -> None:
    """Print `data` as one line of JSON, or `renderables` one below the other."""
    if as_json:
        typer.echo(json.dumps(data, default=str))
    else:
        console().print(*renderables, sep="\n")


@contextmanager
def answering(as_json: bool = False) -> Iterator[None]:
    """Turn the errors that a command may meet into one sentence and an exit code."""
    try:
        yield
    except (
        CommandError,
        ClusterError,
        BursarError,
        psycopg.Error,
        ValueError,
        OSError,
    ) as error:
        code = exit_code_of(error)
        if as_json:
            typer.echo(json.dumps(_as_data(error, code)))
        else:
            complain(redact(str(error)))
        raise typer.Exit(code) from None


def complain(sentence: str) -> None:
    """Say what is wrong, on standard error."""
    console(stderr=True).print(sentence, style="red", markup=False)


def exit_code_of(error: Exception) -> int:
    """Return the exit code that an error ends a command with."""
    own = getattr(error, "exit_code", None)
    if isinstance(own, int):
        return own
    if isinstance(error, (ClusterError, psycopg.OperationalError)):
        return UNREACHABLE
    return USAGE if isinstance(error, ValueError) else FAILED


def _as_data(error: Exception, code: int) -> dict[str, Any]:
    data: dict[str, Any] = {"error": redact(str(error)), "exit_code": code}
    if isinstance(error, Refused):
        data |= {"code": error.code, "details": error.details}
    if plan := getattr(error, "plan", ()):
        data["plan"] = list(plan)  # what was not done, because nobody confirmed it
    return data
