"""Reads: a small pool of connections beside the lanes, for `bursar.read_*` and `bursar.explain`."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from bursar.db.pool import ReadPool, backoff_seconds, is_connection_lost, is_transient, retry
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

# What writes, and comes to something else the second time: a post that was deleted is not there, a
# name is taken, other jobs are leased, a form was sent before. These are asked once.
ONCE = frozenset(
    {
        "begin_check",
        "begin_console_operation",
        "delete_post",
        "join_community",
        "lease_generation_jobs",
        "moderate",
        "set_store_config",
        "switch_sku",
        "write_post",
    }
)

# What else writes, and may be asked again: it is kept under an id, says how something is to stand,
# takes what is left, or counts what nobody is paid for.
AGAIN = frozenset(
    {
        "attach_card_session",
        "cancel_card_payment",
        "end_check",
        "end_console_operation",
        "expire_lead_reservations",
        "expire_metrics",
        "hand_back_generation",
        "keep_claim",
        "keep_event",
        "keep_generation_lease",
        "keep_generation_output",
        "keep_store_event",
        "lease_alert_events",
        "lease_card_refunds",
        "note_check",
        "observe",
        "record_function_metrics",
        "record_minutes",
        "retry_generation",
        "seal_ledger",
        "set_degraded",
        "set_store_work_aside",
        "settle_alert_event",
        "settle_card_refund",
        "take_store_work_up",
        "take_up_one",
        "tick",
        "turn_alerts",
    }
)

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
        free in time; `OutcomeUnknown` when the answer of one that writes was lost; `Fault` when it
        fails.
        """
        if function in ONCE:
            return await self.change(function, arguments)
        if function in AGAIN:
            return await self._change_again(function, arguments)
        query = _call_of(function, len(arguments))
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
            if known is not None:
                raise _refused(known, error) from error
            if is_transient(error) and not is_connection_lost(error):
                raise Refused("BUSY") from error
            if is_gone(error):
                raise Refused("APP_DOWN", details=_COME_BACK) from error
            raise Fault(f"Reading {function} failed ({error.sqlstate or 'lost'}).") from error

    async def change(self, function: str, arguments: Sequence[str | int | None]) -> Any:
        """Return what `bursar.<function>(arguments)`, which writes, answers; ask only once.

        It is asked again where the database says that it undid the try, and nowhere else. Raises
        `Refused`, also with BUSY when no connection or lock is free in time; `OutcomeUnknown` when
        the connection was lost; `Fault` when it fails.
        """
        query = _call_of(function, len(arguments))
        try:
            return await retry(
                lambda: self._once(query, arguments), attempts=TRIES, backoff_ms=self._backoff_ms
            )
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise Refused("BUSY", NO_CONNECTION) from error
        except psycopg.Error as error:
            raise _told(function, error) from error

    async def _change_again(self, function: str, arguments: Sequence[str | int | None]) -> Any:
        """Change what may be changed so twice; what a lost try leaves open, only an answer ends."""
        lost: OutcomeUnknown | None = None
        for attempt in range(1, TRIES + 1):
            try:
                return await self.change(function, arguments)
            except OutcomeUnknown as error:
                lost = error
            except BursarError as error:
                raise lost or error from error.__cause__
            if attempt < TRIES:
                await asyncio.sleep(backoff_seconds(attempt, self._backoff_ms))
        raise lost or OutcomeUnknown(None)

    async def _once(self, query: sql.Composed, arguments: Sequence[Any]) -> Any:
        """Ask on a connection that stands. Raises `OutcomeUnknown` where it fell meanwhile."""
        async with self._pool.standing_connection() as connection:
            try:
                cursor = await connection.execute(query, arguments)
                row = await cursor.fetchone()
            except psycopg.Error as error:
                if is_connection_lost(error):
                    raise OutcomeUnknown(None) from error
                raise
        return None if row is None else row[0]

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
            return await self._once(query, list(arguments.values()))
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise Refused("BUSY", NO_CONNECTION) from error
        except psycopg.Error as error:
            raise _told(function, error) from error

    async def close(self) -> None:
        """Disconnect."""
        if self._replica is not None:
            await self._replica.close()
        await self._pool.close()


def _call_of(function: str, arguments: int) -> sql.Composed:
    """Return the call of a function of schema `bursar` with so many arguments."""
    if not _FUNCTION.fullmatch(function):
        raise ValueError("A function is a lower-case name.")
    places = sql.SQL(", ").join(sql.Placeholder() * arguments)
    return sql.SQL("SELECT bursar.{}({})").format(sql.Identifier(function), places)


def _told(function: str, error: psycopg.Error) -> BursarError:
    """Return what an error says to the caller of what was asked once."""
    known = BY_SQLSTATE.get(error.sqlstate or "")
    if known is not None:
        return _refused(known, error)
    if is_transient(error):
        return Refused("BUSY")
    if is_gone(error):
        return Refused("APP_DOWN", details=_COME_BACK)
    return Fault(f"{function} failed: {error.sqlstate} {error.diag.message_primary}")


def _refused(refusal: Refusal, error: psycopg.Error) -> Refused:
    return Refused(
        refusal.code, error.diag.message_primary, refusal_details(error.diag.message_detail)
    )
