"""Calls that begin at the same moment, each from a thread and a connection of its own.

All are connected before the first begins. So one that cannot be leaves nobody waiting for it, in a
thread that no time limit of a test reaches.
"""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from bursar.db.scratch import ScratchDatabase
from tests.ledger_in_sql import Ledger, Outcome
from tests.patience import PATIENCE_SECONDS

Result = TypeVar("Result")


def at_once(
    database: ScratchDatabase,
    many: int,
    work: Callable[[int, psycopg.Connection], Result],
    role: str | None = None,
) -> list[Result]:
    """Call `work(number, connection)` for so many numbers, from 0, and answer what each answered.

    The connections are those of `role`, or the superuser's. The first error is raised.
    """
    start = threading.Barrier(many)

    def begin(number: int, connection: psycopg.Connection) -> Result:
        start.wait(PATIENCE_SECONDS)
        return work(number, connection)

    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(contextlib.closing(database.connect(role))) for _ in range(many)
        ]
        with ThreadPoolExecutor(many) as pool:
            return list(pool.map(begin, range(many), connections))


def asked_at_once(ledger: Ledger, verb: str, requests: list[dict[str, Any]]) -> list[Outcome]:
    """Send each of these requests to a verb by itself; its outcomes, in order."""
    return at_once(
        ledger.database,
        len(requests),
        lambda number, connection: ledger.one(verb, patient(connection), **requests[number]),
    )


def patient(connection: psycopg.Connection) -> psycopg.Connection:
    """A session that waits for a wallet however many are ahead of it in the line."""
    connection.execute("SET lock_timeout = '60s'")
    return connection
