"""Connections to PostgreSQL: opened the same way everywhere, pooled for reads, retried by rule."""

import asyncio
import contextlib
import os
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from bursar.settings import Settings

T = TypeVar("T")

_CONNECT_SECONDS = 10
_POOL_WAIT_SECONDS = 5.0
_POOL_WAITING_PER_CONNECTION = 32
_BACKOFF_SECONDS_MAX = 2.0

# What another try may cure: serialization failure, deadlock, lock not available, the server going
# down or coming up, too many connections. Class 08 is the connection itself.
_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})

_URL_PASSWORD = re.compile(r"(://[^:/?#@\s]*:)(?:[^/\s]*|\S*)@")
_WORD_PASSWORD = re.compile(r"((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


async def open_connection(
    url: str,
    settings: Settings,
    *,
    lock_timeout_ms: int | None = None,
    statement_timeout_ms: int | None = None,
    prepare_threshold: int | None = 1,
) -> AsyncConnection:
    """Open an autocommitting connection with our limits on waiting, which writes READ COMMITTED.

    The two limits default to those of `settings`. `prepare_threshold` is the number of executions
    after which a statement is prepared; behind a transaction pooler nothing is ever prepared,
    since the next statement may reach another server process.
    Raises `psycopg.OperationalError` when no connection comes about within 10 seconds, or its
    first statement is not answered within another 10.
    """
    connection = await AsyncConnection.connect(
        url,
        autocommit=True,
        prepare_threshold=prepare_threshold,
        **_parameters(),
    )
    await _prepare(connection, settings, lock_timeout_ms, statement_timeout_ms)
    return connection


class ReadPool:
    """A bounded pool of connections for reads and for whatever else a wallet's lanes do not carry.

    It holds at most `settings.pool_size_max` connections. A caller waits for one at most
    `wait_seconds`, and at most 32 callers for each connection wait at once; beyond that
    `psycopg_pool.PoolTimeout` or `TooManyRequests` is raised.
    """

    def __init__(
        self, url: str, settings: Settings, *, wait_seconds: float = _POOL_WAIT_SECONDS
    ) -> None:
        self._settings = settings
        self._pool = AsyncConnectionPool(
            url,
            min_size=min(1, settings.pool_size_max),
            max_size=settings.pool_size_max,
            open=False,
            name="bursar-reads",
            timeout=wait_seconds,
            max_waiting=settings.pool_size_max * _POOL_WAITING_PER_CONNECTION,
            max_idle=300.0,
            max_lifetime=3600.0,
            reconnect_timeout=_POOL_WAIT_SECONDS,
            configure=self._configure,
            kwargs={"autocommit": True, "prepare_threshold": 1, **_parameters()},
        )

    async def open(self) -> None:
        """Open the pool and wait for a first connection, at most ten seconds."""
        try:
            await self._pool.open(wait=True, timeout=_CONNECT_SECONDS)
        except BaseException:
            await self._pool.close()
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection, in autocommit mode, for the length of the block."""
        async with self._pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def standing_connection(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection whose end has not arrived yet.

        What a restart of the server left behind is let go of before anything is sent on it. Who is
        lost on this one may have been heard.
        """
        for _ in range(self._settings.pool_size_max):
            async with self.connection() as connection:
                if not has_ended(connection):
                    yield connection
                    return
        async with self.connection() as connection:
            yield connection

    async def read(
        self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a query that changes nothing and return its rows; retry when a connection is lost."""

        async def once() -> list[tuple[Any, ...]]:
            async with self.connection() as connection:
                cursor = await connection.execute(query, parameters)
                return await cursor.fetchall()

        return await retry(
            once,
            attempts=min(self._settings.retry_attempts, 3),
            backoff_ms=self._settings.retry_backoff_ms,
        )

    async def read_value(
        self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Any:
        """Run a query that changes nothing and return its first value, or None without a row."""
        rows = await self.read(query, parameters)
        return rows[0][0] if rows else None

    def counts(self) -> dict[str, int]:
        """The pool's own counters, for metrics."""
        return self._pool.get_stats()

    async def _configure(self, connection: AsyncConnection) -> None:
        await _prepare(connection, self._settings, None, None)


async def retry(
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    backoff_ms: int,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Await `call` until it succeeds, at most `attempts` times, while its errors are transient.

    Only for calls that may safely happen twice: reads, and requests under an idempotency key.
    Before try n+1 it waits a random time between nothing and `backoff_ms` times 2^(n-1)
    milliseconds, at most two seconds: full jitter keeps callers that failed together apart.
    The last error is raised.
    """
    for attempt in range(1, attempts + 1):
        try:
            return await call()
        except psycopg.Error as error:
            if attempt == attempts or not is_transient(error):
                raise
        await sleep(backoff_seconds(attempt, backoff_ms))
    raise ValueError("attempts must be at least 1")


def backoff_seconds(attempt: int, backoff_ms: int) -> float:
    """A random wait, in seconds, after the failed try number `attempt`, counted from 1."""
    ceiling = min(backoff_ms / 1000 * 2.0 ** min(attempt - 1, 30), _BACKOFF_SECONDS_MAX)
    return random.uniform(0.0, ceiling)  # noqa: S311 - spreads callers, guards nothing


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed if it is simply made again.

    True for lost connections as well: whether the call took effect is then unknown, so it has to
    carry a key that makes a second time harmless.
    """
    if isinstance(error, PoolTimeout | TooManyRequests) or not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate in _TRANSIENT or error.sqlstate.startswith("08")
    return isinstance(error, psycopg.OperationalError)


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that the outcome of the call is unknown."""
    if not isinstance(error, psycopg.OperationalError) or isinstance(error, PoolTimeout):
        return False
    state = error.sqlstate
    return state is None or state.startswith("08") or state in {"57P01", "57P02", "57P03"}


def has_ended(connection: AsyncConnection) -> bool:
    """Whether the end of an idle connection has arrived, so that nothing can be sent on it.

    It looks at what has come by now, asks nobody, and does not wait.
    """
    try:
        for _ in range(2):  # The server may have said farewell before its end.
            connection.pgconn.consume_input()
    except psycopg.Error:
        return True
    return connection.closed


def redact(text: str) -> str:
    """The same text with the passwords of libpq URLs and connection strings replaced by `***`."""
    return _WORD_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", text))


def _parameters() -> dict[str, Any]:
    # Sent when connecting, which poolers accept; `options` they do not, so limits come later.
    return {
        "application_name": "bursar",
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


async def _prepare(
    connection: AsyncConnection,
    settings: Settings,
    lock_timeout_ms: int | None,
    statement_timeout_ms: int | None,
) -> None:
    """Make a new connection ours, or close it and raise in time.

    A pooler may greet by itself and then let the first question wait, and a path may die after the
    greeting: neither `connect_timeout` nor a limit that the server has yet to hear of ends that.
    Who gives up cuts the connection first, since psycopg would ask the silent peer to cancel.
    """
    asking = asyncio.ensure_future(
        _configure(connection, settings, lock_timeout_ms, statement_timeout_ms)
    )
    try:
        answered, _ = await asyncio.wait([asking], timeout=_CONNECT_SECONDS)
        if not answered:
            raise psycopg.OperationalError("The first statement was not answered.")
        asking.result()
    except BaseException:
        if not asking.done():
            with contextlib.suppress(psycopg.Error):
                cut(connection.fileno())
            await asyncio.wait([asking])
            asking.exception()  # That it was cut is no news.
        await connection.close()
        raise


def cut(descriptor: int) -> None:
    """End the connection on this socket, whose peer is silent: who waits for it hears of it now.

    The descriptor stays open, and is its owner's to close.
    """
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as handle:
        handle.shutdown(socket.SHUT_RDWR)


async def _configure(
    connection: AsyncConnection,
    settings: Settings,
    lock_timeout_ms: int | None,
    statement_timeout_ms: int | None,
) -> None:
    """Set our limits in one round trip, and learn whether a transaction pooler is in between.

    The verbs write in READ COMMITTED alone; a database or a role may have another default.
    """
    cursor = await connection.execute(
        "SELECT set_config('lock_timeout', %s, false),"
        " set_config('statement_timeout', %s, false),"
        " set_config('jit', 'off', false),"
        " set_config('default_transaction_isolation', 'read committed', false),"
        " pg_backend_pid()",
        [
            str(settings.lock_timeout_ms if lock_timeout_ms is None else lock_timeout_ms),
            str(
                settings.statement_timeout_ms
                if statement_timeout_ms is None
                else statement_timeout_ms
            ),
        ],
        prepare=False,
    )
    row = await cursor.fetchone()
    # A pooler answers the greeting with a process id of its own making.
    if row is not None and row[-1] != connection.info.backend_pid:
        connection.prepare_threshold = None
