"""Reads: a small pool of connections beside the lanes, for `bursar.read_*` and `bursar.explain`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from bursar.db.pool import ReadPool, is_connection_lost, is_transient, retry
from bursar.db.replica import Replica
from bursar.errors import BY_SQLSTATE, BursarError, Fault, OutcomeUnknown, Refusal, Refused
from bursar.ledger.answer import RETRY_AFTER_SECONDS, refusal_details
from bursar.ledger.statistics import Statistics
from bursar.settings import Settings

# Reading changes nothing, so it may be tried again; a reader does not wait as long as a payer.
TRIES = 3

# What a reader is told who got no connection: no wallet was wanted.
NO_CONNECTION = "BUSY: The database has no connection to spare right now."

# What shows history: entries that are there stay as they are, so an answer that is a moment old is
# a right one. Balances, holds and whatever writes are asked of the primary alone.
HISTORY = frozenset({"read_statement", "explain", "read_transaction"})

_COME_BACK = {"retry_after_seconds": RETRY_AFTER_SECONDS}
_FUNCTION = re.compile(r"[a-z][a-z_]{0,62}")


def is_gone(error: psycopg.Error) -> bool:
    """Whether the function that was called is not there: its app's step is not in force.

    What a function misses inside is a fault, unless it went away while that function ran.
    """
    if isinstance(error, psycopg.errors.UndefinedFunction):
        return not error.diag.context
    return (error.diag.message_primary or "").startswith("cache lookup failed for function")


class Reader:
    """Calls the reading functions of schema `bursar` over the bounded pool.

    Where the settings name a replica, it answers for history while it is close behind.
    """

    def __init__(self, url: str, settings: Settings, statistics: Statistics | None = None) -> None:
        self._pool = ReadPool(url, settings)
        self._backoff_ms = settings.retry_backoff_ms
        self._statistics = statistics or Statistics()
        self._replica = (
            Replica(settings.replica_url, settings, self._pool) if settings.replica_url else None
        )

    @property
    def replica_is_close(self) -> bool:
        """Whether there is a replica, and it may be read."""
        return self._replica is not None and self._replica.is_close

    async def open(self) -> None:
        """Connect. Raises `Fault` when the database is not there."""
        try:
            await self._pool.open()
        except psycopg.Error as error:
            raise Fault("The database cannot be reached.") from error
        if self._replica is not None:
            self._replica.start()

    async def read(self, function: str, arguments: Sequence[str | int | None]) -> Any:
        """Return what `bursar.<function>(arguments)` answers, decoded.

        Raises `Refused` with the code of a refusal, or with BUSY when no connection or lock was
        free in time; `Fault` when it fails.
        """
        if not _FUNCTION.fullmatch(function):
            raise ValueError("A function is a lower-case name.")
        places = sql.SQL(", ").join(sql.Placeholder() * len(arguments))
        query = sql.SQL("SELECT bursar.{}({})").format(sql.Identifier(function), places)
        if function in HISTORY:
            found = await self._ask_replica(query, arguments)
            if found:  # What is not there may only not have arrived there yet.
                self._statistics.replica_reads += 1
                return found

        async def once() -> Any:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(query, arguments)
                row = await cursor.fetchone()
            return None if row is None else row[0]

        try:
            return await retry(once, attempts=TRIES, backoff_ms=self._backoff_ms)
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise Refused("BUSY", NO_CONNECTION) from error
        except psycopg.Error as error:
            known = BY_SQLSTATE.get(error.sqlstate or "")
            if known is not None:  # One that writes may be told that changes are paused.
                raise _refused(known, error) from error
            if is_transient(error) and not is_connection_lost(error):
                raise Refused("BUSY") from error
            if is_gone(error):
                raise Refused("APP_DOWN", details=_COME_BACK) from error
            raise Fault(f"Reading {function} failed ({error.sqlstate or 'lost'}).") from error

    async def _ask_replica(self, query: sql.Composed, arguments: Sequence[Any]) -> Any:
        """Return what the replica answers, or None when it should not, or cannot, be asked."""
        if self._replica is None or not self._replica.is_close:
            return None
        try:
            return await self._replica.ask(query, arguments)
        except psycopg.Error:
            return None

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Return what `public.<function>` answers to the named arguments; ask only once.

        Raises `Refused`, also with BUSY when no connection is free in time; `OutcomeUnknown` when
        the connection was lost; `Fault` when it fails.
        """
        if not all(_FUNCTION.fullmatch(name) for name in (function, *arguments)):
            raise ValueError("Functions and their arguments have lower-case names.")
        named = [sql.SQL("{} => %s").format(sql.Identifier(name)) for name in arguments]
        query = sql.SQL("SELECT public.{}({})").format(
            sql.Identifier(function), sql.SQL(", ").join(named)
        )
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(query, list(arguments.values()))
                row = await cursor.fetchone()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise Refused("BUSY", NO_CONNECTION) from error
        except psycopg.Error as error:
            raise _told(function, error) from error
        return None if row is None else row[0]

    async def close(self) -> None:
        """Disconnect."""
        if self._replica is not None:
            await self._replica.close()
        await self._pool.close()


def _told(function: str, error: psycopg.Error) -> BursarError:
    """Return what an error of a procedure says to its caller."""
    known = BY_SQLSTATE.get(error.sqlstate or "")
    if known is not None:
        return _refused(known, error)
    if is_connection_lost(error):
        return OutcomeUnknown(None)
    if is_transient(error):
        return Refused("BUSY")
    if is_gone(error):
        return Refused("APP_DOWN", details=_COME_BACK)
    return Fault(f"{function} failed: {error.sqlstate} {error.diag.message_primary}")


def _refused(refusal: Refusal, error: psycopg.Error) -> Refused:
    return Refused(
        refusal.code, error.diag.message_primary, refusal_details(error.diag.message_detail)
    )
