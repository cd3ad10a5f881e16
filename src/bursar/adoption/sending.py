"""How the steps of an adoption reach the database: short waits for locks, and many tries."""

import time
from collections.abc import Sequence
from typing import Any

from bursar.ops.migrate.errors import MigrationError
from bursar.ops.migrate.session import (
    Connection,
    Limits,
    locked,
    retrying,
    translated,
)

# Everybody else queues behind a statement that waits for a table's lock, so it waits a moment only,
# and many times.
LIMITS = Limits(
    lock_timeout_ms=300,
    statement_timeout_ms=30_000,
    attempts=40,
    backoff_ms=200,
    backoff_max_ms=2_000,
)
# What reads every row stands in nobody's way and may take as long as it takes.
_UNHURRIED = Limits(lock_timeout_ms=3_000, statement_timeout_ms=0, attempts=20)


def ask(connection: Connection, query: str, *parameters: Any) -> Any:
    """Return the one value that a query answers; it may read for as long as it takes."""
    with translated(query.split("(")[0]):
        row = connection.execute(query.encode(), parameters).fetchone()
    return None if row is None else next(iter(row.values()))


def step(connection: Connection, call: str, parameters: Sequence[Any]) -> None:
    """Call a function that takes a table's lock, in a transaction that no migration shares.

    Tried again while the lock is not to be had; each try keeps others waiting for 300 ms at most.
    Raises `Busy` after the last, and `MigrationError` for what the database says.
    """

    def once() -> None:
        with locked(connection, LIMITS), translated(call.split("(")[0]):
            connection.execute(f"SELECT {call}".encode(), list(parameters))

    retrying(LIMITS, once, time.sleep)


def unhurried(connection: Connection, call: str, parameters: Sequence[Any]) -> Any:
    """Call a function that keeps nobody waiting for a table, and return what it answers."""

    def once() -> Any:
        with translated(call.split("(")[0]), connection.transaction():
            connection.execute(_UNHURRIED.statements.encode())
            return ask(connection, f"SELECT {call} AS answer", *parameters)

    return retrying(_UNHURRIED, once, time.sleep)


def require_installed(connection: Connection) -> None:
    """Raise `MigrationError` where the ledger does not know of adoption yet."""
    if not ask(connection, "SELECT to_regclass('bursar.adoption') IS NOT NULL"):
        raise MigrationError("This database cannot adopt tables yet. First: bursar migrate up.")


def adoption_of(connection: Connection, asset: str) -> dict[str, Any] | None:
    """Return how far the adoption of `asset` has come, or None where there is none."""
    for adoption in ask(connection, "SELECT bursar.read_adoptions()"):
        if adoption["asset"] == asset:
            return dict(adoption)
    return None
