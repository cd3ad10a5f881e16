"""Stands before everything dangerous: nothing is done to production that was not confirmed.

A command that changes what is in a database, or takes the database away, runs inside `guarded`. It
is refused on a database that is marked production unless somebody confirmed it, and the journal of
operations keeps who did what, when, by which plan, and how it ended.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg

from bursar.db.pool import redact
from bursar.errors import BursarError
from bursar.ops.migrate.errors import NotReached
from bursar.ops.migrate.session import Connection, connect
from bursar.ops.production import database_of, is_production

# Both are fixed: runbooks and pipelines have them already.
VARIABLE, YES = "PROD_CONFIRM", "YES"

_STATEMENT_MS = 15_000
_LOCK_MS = 3_000
_RESULT_MAX = 2_000
_PLAN_MAX = 200
_BEGIN = "bursar.begin_operation(uuid, text, text, text[])"
_END = "bursar.end_operation(uuid, text, text, text[], text, text, interval)"


class NotConfirmedError(BursarError):
    """A dangerous command met a production database, and nobody confirmed it. Nothing was changed.

    `exit_code` is what the command line ends with; `plan` is what would have been done.
    """

    exit_code = 2

    def __init__(self, database: str, plan: Sequence[str], given: str = "") -> None:
        mistaken = f"--confirm says {given!r}. " if given else ""
        super().__init__(
            f"{database} is marked production, and this was not confirmed; nothing was changed. "
            f"{mistaken}Add --confirm {database}, or set {VARIABLE}={YES}."
        )
        self.plan = tuple(plan)


class NotJournaledError(BursarError):
    """The journal could not be written. The message says whether the operation was carried out."""


@dataclass(slots=True)
class Operation:
    """A dangerous command that is under way. `result` is the sentence that is kept of its end."""

    command: str
    actor: str
    plan: Sequence[str]
    result: str = ""
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@contextlib.contextmanager
def guarded(
    url: str, *, command: str, plan: Sequence[str], confirm: str = "", actor: str
) -> Iterator[Operation]:
    """Let a block do something dangerous to the database at `url`, and keep it in the journal.

    `command` is what was typed, `plan` what it is about to do, a line each, and `actor` who typed
    it; passwords in them are made unreadable. `confirm` is the database's name, typed again. What
    the block raises is kept as its failure, and raised. Where the journal is not there yet, as
    before the first migration, the operation is written down at its end if it is there by then.

    Raises `NotConfirmedError` before the block where the database is production and neither
    `confirm` nor `PROD_CONFIRM=YES` says so; `NotJournaledError`; `NotReached` when the database is
    not there.
    """
    operation = Operation(redact(command), actor, [redact(line) for line in shortened(plan)])
    with _connected(url) as connection:
        _refuse_unconfirmed(connection, operation.plan, confirm)
        _begin(connection, operation)
    started = time.monotonic()
    try:
        yield operation
    except BaseException as error:
        operation.result = _sentence(error)
        # What went wrong matters more than that it could not be written down.
        with contextlib.suppress(psycopg.Error, NotReached):
            _end(url, operation, "failed", started)
        raise
    try:
        _end(url, operation, "done", started)
    except (psycopg.Error, NotReached) as error:
        raise NotJournaledError(
            f"It was carried out, but its end could not be written to the journal: {error}"
        ) from error


def note(
    url: str,
    *,
    command: str,
    plan: Sequence[str],
    actor: str,
    result: str,
    lasted: timedelta,
) -> None:
    """Keep in the journal of the database at `url` what was done without asking anybody.

    For what changes nothing there and matters all the same, such as a backup that was verified.
    Raises `NotJournaledError` where the login may not write, and `NotReached`.
    """
    operation = Operation(redact(command), actor, [redact(line) for line in plan], result)
    with _connected(url) as connection:
        _begin(connection, operation)
    _end(url, operation, "done", time.monotonic() - lasted.total_seconds())


def shortened(plan: Sequence[str]) -> list[str]:
    """Return a plan that somebody can read: the first two hundred lines, and how many follow."""
    more = len(plan) - _PLAN_MAX
    return [*plan[:_PLAN_MAX], *([f"and {more:,} more"] if more > 0 else [])]


def require_confirmation(url: str, plan: Sequence[str], confirm: str) -> None:
    """Raise `NotConfirmedError` where the database is production and this was not confirmed.

    For those who have something to ask before they begin; `guarded` asks by itself.
    """
    with _connected(url) as connection:
        _refuse_unconfirmed(connection, plan, confirm)


def _refuse_unconfirmed(connection: Connection, plan: Sequence[str], confirm: str) -> None:
    if os.environ.get(VARIABLE, "").strip() == YES or not is_production(connection):
        return
    name = database_of(connection)
    if confirm != name:
        raise NotConfirmedError(name, plan, confirm)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """Connect for a moment: a transaction pooler or a swap of databases is in nobody's way."""
    with connect(url, "bursar journal") as connection, connection.transaction():
        connection.execute(f"SET LOCAL statement_timeout = {_STATEMENT_MS}".encode())
        connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}".encode())
        yield connection


def _begin(connection: Connection, operation: Operation) -> None:
    if not _is_there(connection, _BEGIN):
        return
    try:
        connection.execute(
            "SELECT bursar.begin_operation(%s, %s, %s, %s::text[])",
            [operation.id, operation.command, operation.actor, list(operation.plan)],
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotJournaledError(
            "This login may not write the operations journal, so nothing was done. Log in as the "
            "owner of the schema, or as a member of bursar_operator."
        ) from error


def _end(url: str, operation: Operation, status: str, started: float) -> None:
    lasted = timedelta(seconds=time.monotonic() - started)
    result = redact(operation.result)[:_RESULT_MAX] or None
    with _connected(url) as connection:
        if _is_there(connection, _END):
            connection.execute(
                "SELECT bursar.end_operation(%s, %s, %s, %s::text[], %s, %s, %s)",
                [
                    *(operation.id, operation.command, operation.actor, list(operation.plan)),
                    *(status, result, lasted),
                ],
            )


def _is_there(connection: Connection, function: str) -> bool:
    found = connection.execute(
        "SELECT to_regprocedure(%s) IS NOT NULL AS there", [function]
    ).fetchone()
    return found is not None and bool(found["there"])


def _sentence(error: BaseException) -> str:
    """Say what an operation failed by, also when it was interrupted without a word."""
    if isinstance(error, KeyboardInterrupt):
        return "It was interrupted."
    return str(error) or type(error).__name__
