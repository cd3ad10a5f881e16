"""One moment of the database, seen by several connections at once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, sql

from bursar.db.pool import open_connection
from bursar.errors import BursarError
from bursar.settings import Settings

# The view stands in the files for what stores.sql answers.
_VIEW = "bursar.balance"
_LOCK_TIMEOUT_MS = 5_000
# Of one statement; at ten million entries the longest takes about as many seconds.
_STATEMENT_TIMEOUT_MS = 1_800_000
# Who may read everything, for a login that may not by itself.
_READERS = ("bursar_operator", "service_role")
# No worker processes besides our connections: the audit takes as many processors as it was given.
# Every sort and hash of a statement gets the memory once, and goes to disk beyond it. Nothing is
# looked up twice, so that remembering look-ups would only take memory.
_SETTINGS = """
    SELECT set_config('work_mem', '128MB', true), set_config('hash_mem_multiplier', '1', true),
        set_config('max_parallel_workers_per_gather', '0', true),
        set_config('enable_memoize', 'off', true),
        set_config('idle_in_transaction_session_timeout', '0', true),
        set_config('search_path', 'pg_catalog', true)
"""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class NotInstalled(BursarError):
    """There is no ledger in this database."""


class PartlyHidden(BursarError):
    """The login cannot see every row, so nothing could be proved."""


@dataclass(slots=True)
class Snapshot:
    """Connections that all see the database as it was at one moment, and change nothing."""

    connections: list[AsyncConnection]
    taken_at: str
    wallets: str

    async def rows(self, place: int, query: str, parameters: Sequence[Any]) -> list[Any]:
        """Run a query with parameters $1, $2 … on connection `place`, and return its rows."""
        text = query.replace(_VIEW, f"({self.wallets})")
        return await _rows(self.connections[place], text, parameters)


@asynccontextmanager
async def take_snapshot(url: str, settings: Settings, connections: int) -> AsyncIterator[Snapshot]:
    """Open so many connections to `url` on one snapshot, for the length of a block.

    Raises `psycopg.Error` when that fails, `NotInstalled` where there is no ledger, and
    `PartlyHidden` when the login may not see every row.
    """
    async with AsyncExitStack() as opened:
        made: list[AsyncConnection] = []
        exported = ""
        role = ""
        for _ in range(connections):
            connection = await open_connection(
                url,
                settings,
                lock_timeout_ms=_LOCK_TIMEOUT_MS,
                statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
                prepare_threshold=None,
            )
            opened.push_async_callback(connection.close)
            await connection.execute(_BEGIN)
            if exported:
                # Before anything else is read: a transaction takes its snapshot once.
                statement = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(exported))
                await connection.execute(statement)
                await _become(connection, role)
            else:
                [(exported,)] = await _rows(connection, "SELECT pg_export_snapshot()")
                role = await _become_reader(connection)
            await connection.execute(_SETTINGS)
            made.append(connection)
        [(taken_at,)] = await _rows(made[0], "SELECT now()::text")
        [(wallets,)] = await _rows(made[0], _text_of("stores"))
        yield Snapshot(made, taken_at, wallets)


async def _become_reader(connection: AsyncConnection) -> str:
    """Make sure that everything is seen, as another role if need be, and return that role."""
    [(installed,)] = await _rows(connection, "SELECT to_regclass('bursar.asset') IS NOT NULL")
    if not installed:
        raise NotInstalled("There is no ledger in this database. `bursar migrate up` installs it.")
    hidden = await _hidden(connection)
    if not hidden:
        return ""
    for role in _READERS:
        query = "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = $1"
        if await _rows(connection, query, [role]) == [(True,)]:
            await _become(connection, role)
            if not await _hidden(connection):
                return role
            await connection.execute("RESET ROLE")
    raise PartlyHidden(
        f"This login cannot see every row of {', '.join(hidden)}, so nothing would be proved. "
        "Log in as the owner of the ledger, or as a member of bursar_operator."
    )


async def _become(connection: AsyncConnection, role: str) -> None:
    if role:
        await connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


async def _hidden(connection: AsyncConnection) -> list[str]:
    """Return the tables that the current role does not see in full."""
    try:
        async with connection.transaction():  # a savepoint, which an error is undone to
            return [name for (name,) in await _rows(connection, _text_of("sight"))]
    except psycopg.errors.InsufficientPrivilege:
        return ["the ledger"]


def _text_of(name: str) -> str:
    return (resources.files("bursar.ops.audit") / f"{name}.sql").read_text("utf-8")


async def _rows(
    connection: AsyncConnection, query: str, parameters: Sequence[Any] = ()
) -> list[Any]:
    cursor = AsyncRawCursor(connection)
    await cursor.execute(query.encode(), parameters)
    return await cursor.fetchall()
