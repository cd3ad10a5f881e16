"""Statements carried out as the caller's own role, so that row-level security decides.

The login role may do nothing by itself; each transaction takes on the role and claims of a verified
token and lets go of them at its end. All of it travels in one round trip.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from bursar.db.pool import ReadPool, has_ended
from bursar.errors import OutcomeUnknown
from bursar.http.postgrest_error import unavailable
from bursar.http.principal import Principal
from bursar.http.problem import ProblemError
from bursar.settings import Settings

# set_config with `true` lasts until the end of the transaction. The time limits go with the role,
# because a role may bring its own.
_TAKE_ON = (
    "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
    " set_config('request.jwt.claim.sub', %s, true),"
    " set_config('request.jwt.claim.role', %s, true),"
    " set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)"
)


# While the database is away, requests are answered at once and not each after its own wait.
REOPEN_SECONDS = 1.0


class RoleSession:
    """Runs one statement at a time as somebody, over a bounded pool of connections.

    The pool opens at the first need, and again when the database was away at that moment.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._lock_timeout = str(settings.busy_timeout_ms)
        self._statement_timeout = str(settings.statement_timeout_ms)
        self._pool: ReadPool | None = None
        self._opening = asyncio.Lock()
        self._failed_at = -REOPEN_SECONDS

    async def open(self) -> ReadPool:
        """Return the open pool. Raises a 503 problem when the database is not there."""
        if self._pool is not None:
            return self._pool
        async with self._opening:
            if self._pool is None:
                if time.monotonic() - self._failed_at < REOPEN_SECONDS:
                    raise unavailable()
                pool = ReadPool(self._url, self._settings)
                try:
                    await pool.open()
                except psycopg.Error:
                    self._failed_at = time.monotonic()
                    raise unavailable() from None
                self._pool = pool
            return self._pool

    async def close(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(
        self,
        principal: Principal,
        statement: sql.Composed,
        parameters: Sequence[Any] = (),
        *,
        read_only: bool,
        check: Callable[[tuple[Any, ...]], None] | None = None,
    ) -> tuple[Any, ...]:
        """Run `statement`, which returns one row, in a transaction of its own; return the row.

        `check` may raise to undo what was done; it costs a second round trip. Raises
        `psycopg.Error` for what the database refuses, after the transaction was undone, a 503
        problem when no connection becomes free in time, and `OutcomeUnknown` when the connection
        was lost with the COMMIT of a change on its way.
        """
        begin = "BEGIN READ ONLY" if read_only else "BEGIN READ WRITE"
        take_on = (
            principal.role,
            principal.claims,
            principal.sub or "",
            principal.role,
            self._lock_timeout,
            self._statement_timeout,
        )
        is_committing = False
        async with self._connection() as connection:
            if has_ended(connection):
                raise unavailable()  # That nothing was sent is known before it is, or never.
            try:
                async with connection.pipeline():
                    await connection.execute(begin)
                    await connection.execute(_TAKE_ON, take_on)
                    cursor = await connection.execute(statement, parameters)
                    if check is None:
                        is_committing = True
                        await connection.execute("COMMIT")
                row = await cursor.fetchone()
                if row is None:
                    raise ProblemError(500, "FAULT", "The database answered nothing.")
                if check is not None:
                    check(row)
                    is_committing = True
                    await connection.commit()
            except BaseException as error:
                with contextlib.suppress(psycopg.Error):
                    await connection.rollback()
                # Whoever could be told to roll back has said what became of it.
                is_lost = isinstance(error, psycopg.Error) and connection.closed
                if is_lost and is_committing and not read_only:
                    raise OutcomeUnknown(None) from error
                raise
        return row

    async def query(
        self, statement: sql.Composed | sql.SQL, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a query on the catalogue as the login role itself and return its rows."""
        async with self._connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        pool = await self.open()
        try:
            async with pool.connection() as connection:
                yield connection
        except (TooManyRequests, PoolTimeout, PoolClosed):
            raise ProblemError(
                503, "PGRST003", "No connection to the database became free in time."
            ) from None
