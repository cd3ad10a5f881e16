"""Two databases of one server change places, in one transaction, under their clients' eyes.

`ALTER DATABASE … RENAME` takes a lock that new connections wait for, and then waits up to five
seconds for the old ones to be gone. While it does, another connection ends them. So nobody can come
in between, and whatever is killed at whatever point, there is always exactly one live database.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bursar.ops.backup.errors import BackupError
from bursar.ops.backup.session import Connection, connected_beside

_OTHERS = """
    SELECT pid, coalesce(usename::text, backend_type), coalesce(nullif(application_name, ''), '-')
    FROM pg_stat_activity WHERE datname = ANY (%s) AND pid <> pg_backend_pid() ORDER BY pid
"""
# By number: the name will be another database's when this is asked for the last time.
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datid = %s AND pid <> pg_backend_pid()"
_NUMBER = "SELECT oid FROM pg_database WHERE datname = %s"
_END = "SELECT pg_terminate_backend(%s)"
_PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = ANY (%s) ORDER BY 1"
_EXISTS = "SELECT count(*) FROM pg_database WHERE datname = %s"
_EVERY_SECONDS = 0.05
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Swap:
    """`incoming` becomes `live`, and what was live becomes `outgoing`; None where none was."""

    live: str
    incoming: str
    outgoing: str | None


def exists(connection: Connection, name: str) -> bool:
    """Whether the server has a database of that name."""
    return connection.execute(_EXISTS, [name]).fetchone() == (1,)


def connections_to(connection: Connection, name: str) -> int:
    """Return how many sessions a database has."""
    return len(connection.execute(_OTHERS, [[name]]).fetchall())


def carry_out(url: str, swap: Swap) -> None:
    """Let the two change places, and end every session of theirs: clients connect again.

    All or nothing: either both have their new names afterwards, or both their old ones. Takes
    five seconds at most. Raises `BackupError` when sessions cannot be ended.
    """
    names = [swap.live, swap.incoming]
    with connected_beside(url) as renaming, connected_beside(url) as ending:
        _require_no_prepared(ending, names)
        _end_sessions(ending, _number(ending, swap.incoming))
        over = threading.Event()
        leaving = None if swap.outgoing is None else _number(ending, swap.live)
        helper = threading.Thread(target=_keep_ending, args=(ending, leaving, over))
        helper.start()
        try:
            with renaming.transaction():
                if swap.outgoing is not None:
                    _rename(renaming, swap.live, swap.outgoing)
                _rename(renaming, swap.incoming, swap.live)
        except psycopg.errors.ObjectInUse as error:
            over.set()
            helper.join()
            raise BackupError(_in_use(ending, names)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(
                f"The login may not rename these databases: {error.diag.message_primary}. It has "
                "to own both and may make databases. Nothing was changed."
            ) from error
        finally:
            over.set()
            helper.join()


def _rename(connection: Connection, name: str, new: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new))
    )


def _keep_ending(connection: Connection, database: int | None, over: threading.Event) -> None:
    """End sessions until told that it is over: those that came in just before the lock too."""
    while database is not None and not over.wait(_EVERY_SECONDS):
        _end_sessions(connection, database)


def _end_sessions(connection: Connection, database: int | None) -> None:
    for (pid,) in connection.execute(_SESSIONS, [database]).fetchall():
        # Somebody's whom this login may not end: the renaming will say so.
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute(_END, [pid])


def _number(connection: Connection, name: str) -> int | None:
    row = connection.execute(_NUMBER, [name]).fetchone()
    return None if row is None else int(row[0])


def _require_no_prepared(connection: Connection, names: list[str]) -> None:
    prepared = [gid for (gid,) in connection.execute(_PREPARED, [names])]
    if prepared:
        raise BackupError(
            f"There are prepared transactions ({', '.join(prepared[:_TOLD])}). Commit or roll them "
            "back first. Nothing was changed."
        )


def _in_use(connection: Connection, names: list[str]) -> str:
    others = connection.execute(_OTHERS, [names]).fetchall()
    told = ", ".join(f"{pid} ({who}, {what})" for pid, who, what in others[:_TOLD])
    return (
        f"The database is still in use, by processes that this login may not end: {told or '?'}. "
        "Stop them, and restore again. Nothing was changed."
    )
