"""Connections of a backup or a restore: no statement of theirs is cut off, no lock queued for long.

A statement may read a table from end to end, or build an index, so it has all the time it takes.
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Connection = psycopg.Connection[Any]

LOCK_SECONDS = 10
_CONNECT_SECONDS = 10
# A database may have settings of its own for how a moment is written.
_LIMITS = f"""
    SELECT set_config('datestyle', 'ISO', false), set_config('timezone', 'UTC', false),
        set_config('statement_timeout', '0', false),
        set_config('idle_in_transaction_session_timeout', '0', false),
        set_config('lock_timeout', '{LOCK_SECONDS}s', false)
"""
# Where one connects in order to make or rename another database.
_ELSEWHERE = ("postgres", "template1")


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open one autocommitting connection to `url` for the length of a block.

    Raises `ValueError` for a URL that cannot be read, without repeating it, and
    `psycopg.OperationalError` where nobody answers.
    """
    parts_of(url)
    with psycopg.connect(
        url,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=_CONNECT_SECONDS,
        client_encoding="utf8",
        application_name="bursar backup",
    ) as connection:
        connection.execute(_LIMITS)
        yield connection


@contextmanager
def connected_beside(url: str) -> Iterator[Connection]:
    """Open a connection to another database of the same server, for what is done to this one.

    Raises `psycopg.OperationalError` where there is none that lets this login in.
    """
    with ExitStack() as stack:
        others = [name for name in _ELSEWHERE if name != database_name(url)]
        for name in others:
            try:
                connection = stack.enter_context(connected(on_database(url, name)))
            except psycopg.OperationalError:
                if name == others[-1]:
                    raise
            else:
                break
        yield connection


def on_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return make_conninfo(url, dbname=name)


def database_name(url: str) -> str:
    """Return the name of the database that `url` means: without one, the user's."""
    parts = parts_of(url)
    named = parts.get("dbname") or os.environ.get("PGDATABASE") or parts.get("user")
    return str(named or getpass.getuser())


def parts_of(url: str) -> dict[str, Any]:
    """Return the parts of a URL. Raises `ValueError` that does not repeat it."""
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise ValueError("The database URL cannot be read.") from None
