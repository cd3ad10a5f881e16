"""One connection, one lock, one transaction: how migration SQL reaches the database.

Only things that also work through a transaction pooler are used: `SET LOCAL`, and an advisory lock
that the end of the transaction lets go.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel, pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from bursar.ops.migrate.errors import Busy, MigrationError, NotReached, SqlFailed

Connection = psycopg.Connection[DictRow]
T = TypeVar("T")

# The first eight bytes of the sha256 of "bursar migrate", so that nobody else has this number.
LOCK_KEY = 7456484208832365946

_LOCK_NOT_AVAILABLE = "55P03"
_CONFLICTS = {_LOCK_NOT_AVAILABLE, "40001", "40P01"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a run may take from others, and how often it tries.

    `lock_timeout_ms` is short because everybody else queues behind a statement that waits for a
    table's lock. `runner_wait_ms` is longer: it is the wait for another run to finish, which
    stands in nobody's way.
    """

    lock_timeout_ms: int = 3_000
    statement_timeout_ms: int = 60_000
    runner_wait_ms: int = 60_000
    attempts: int = 5
    backoff_ms: int = 500
    backoff_max_ms: int = 8_000

    @property
    def statements(self) -> str:
        """The settings that every migration file starts with, whatever the one before it set."""
        return (
            "SET LOCAL search_path = ''; "
            f"SET LOCAL lock_timeout = {self.lock_timeout_ms}; "
            f"SET LOCAL statement_timeout = {self.statement_timeout_ms}; "
            "SET LOCAL idle_in_transaction_session_timeout = 0; "
            "SET LOCAL check_function_bodies = on; "
            "SET LOCAL plpgsql.check_asserts = on"
        )


class Conflict(MigrationError):
    """Somebody else was in the way; the whole run may be tried again."""


@contextmanager
def connect(url: str, application: str = "bursar migrate") -> Iterator[Connection]:
    """Open one connection to `url` for the length of a block; `application` is its name there.

    Raises `NotReached` when that fails or the connection is lost, without repeating the URL.
    """
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise NotReached("The database URL cannot be read.") from None
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,
            connect_timeout=10,
            client_encoding="utf8",
            application_name=application,
        )
    except psycopg.OperationalError as error:
        raise NotReached(f"The database cannot be reached: {error}".strip()) from None
    with connection:
        # READ COMMITTED, so that what was read after the lock is what the last run left.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        connection.read_only = False
        yield connection


@contextmanager
def locked(connection: Connection, limits: Limits) -> Iterator[None]:
    """Run a block in one transaction that no other migration run shares.

    Commits when the block ends and rolls back when it raises. Raises `Busy` when another run holds
    the lock for longer than `limits.runner_wait_ms`, and `Conflict` for what may be tried again.
    """
    with translated("the migration's transaction"), connection.transaction():
        _execute(connection, f"SET LOCAL lock_timeout = {limits.runner_wait_ms}")
        _execute(connection, "SET LOCAL statement_timeout = 0")
        try:
            _execute(connection, f"SELECT pg_catalog.pg_advisory_xact_lock({LOCK_KEY})")
        except psycopg.errors.LockNotAvailable:
            raise Busy(
                "Another migration run has been at work on this database for more than "
                f"{limits.runner_wait_ms / 1000:g} s. Nothing was changed; try again later."
            ) from None
        _execute(connection, limits.statements)
        yield


def run_file(connection: Connection, path: str, text: str, limits: Limits) -> int:
    """Run `text`, which came from `path`, inside the open transaction; return milliseconds.

    Raises `SqlFailed` that names the file and the line, `Conflict` when a lock or another
    transaction was in the way, and `SqlFailed` too when the text ended the transaction.
    """
    started = time.monotonic()
    with translated(path, text):
        _execute(connection, limits.statements)
        before = _transaction_id(connection)
        _execute(connection, text)
        if connection.info.transaction_status != pq.TransactionStatus.INTRANS:
            raise SqlFailed(f"{path} ended the transaction; COMMIT has no place in it.", None)
        if _transaction_id(connection) != before:
            raise SqlFailed(f"{path} began another transaction; COMMIT has no place in it.", None)
    return round((time.monotonic() - started) * 1000)


def run_alone(
    connection: Connection, path: str, statement: str, limits: Limits, *, patient: bool = False
) -> int:
    """Run one statement outside any transaction, as index builds may; return milliseconds.

    There is no time limit on the statement, because such a statement blocks nobody; the limit on
    waiting for locks stays. A `patient` one waits for older transactions as long as for another
    run: nobody but a change of the same table queues behind it.
    """
    started = time.monotonic()
    wait_ms = limits.runner_wait_ms if patient else limits.lock_timeout_ms
    with translated(path):
        _execute(connection, f"SET lock_timeout = {wait_ms}")
        _execute(connection, "SET statement_timeout = 0")
        _execute(connection, statement)
    return round((time.monotonic() - started) * 1000)


def retrying(limits: Limits, run: Callable[[], T], pause: Callable[[float], None]) -> T:
    """Return what `run` returns, trying it again after a `Conflict`.

    There are at most `limits.attempts` tries with waits of full jitter between them, so that two
    runs that met once do not meet again. Raises `Busy` after the last.
    """
    for attempt in range(1, limits.attempts + 1):
        try:
            return run()
        except Conflict as conflict:
            if attempt == limits.attempts:
                raise Busy(
                    f"{conflict} Gave up after {attempt} tries; nothing of the last one was kept."
                ) from None
            longest = min(limits.backoff_ms * 2 ** (attempt - 1), limits.backoff_max_ms)
            pause(secrets.SystemRandom().uniform(0, longest) / 1000)
    raise Busy("No try was allowed.")


@contextmanager
def translated(path: str, text: str = "") -> Iterator[None]:
    """Turn what the server says about `path` into the errors of this package."""
    try:
        yield
    except psycopg.Error as error:
        diagnosis = error.diag
        sqlstate = error.sqlstate
        if sqlstate is None or sqlstate.startswith(("08", "57P")):
            raise NotReached(
                f"The connection was lost during {path}. What was not committed is gone; "
                "run the command again to learn and finish what is left."
            ) from None
        message = f"{_place(path, text, diagnosis.statement_position)}: "
        message += f"{diagnosis.message_primary} ({sqlstate})"
        for name, more in (
            ("detail", diagnosis.message_detail),
            ("hint", diagnosis.message_hint),
            ("where", diagnosis.context),
        ):
            message += f"\n  {name}: {more}" if more else ""
        if _is_conflict(sqlstate, diagnosis):
            raise Conflict(f"{path} met somebody else's lock: {message}.") from None
        raise SqlFailed(message, sqlstate) from error


def describe(url: str) -> str:
    """Say which database `url` means, without its password."""
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "a database whose URL cannot be read"
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{user}{parts.get('host', 'local socket')}{port}/{parts.get('dbname', '')}"


def _is_conflict(sqlstate: str, diagnosis: psycopg.errors.Diagnostic) -> bool:
    """Whether a second try may succeed.

    Roles belong to the whole cluster, so two databases of one cluster that are migrated at once
    meet there, and the server has no better words for it than these.
    """
    return (
        sqlstate in _CONFLICTS
        or diagnosis.constraint_name == "pg_authid_rolname_index"
        or (diagnosis.message_primary or "").startswith("tuple concurrently ")
    )


def _place(path: str, text: str, position: str | None) -> str:
    if not text or not position:
        return path
    return f"{path}:{text.count(chr(10), 0, int(position) - 1) + 1}"


def _transaction_id(connection: Connection) -> Any:
    row = connection.execute("SELECT pg_catalog.pg_current_xact_id()::text AS id").fetchone()
    return row and row["id"]


def _execute(connection: Connection, text: str) -> None:
    """Send `text`, which may hold several statements, as it is."""
    connection.execute(text.encode())
