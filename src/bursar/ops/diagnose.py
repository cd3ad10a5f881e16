"""Says what goes on in a database now, for whoever has to find out why it is slow. It only reads.

Three things are asked: who is there and who waits for whom (`ledger/read_activity.sql`), how the
server stands (`ledger/read_server.sql`), and how much of the ledger's own work is under way. One
that cannot be answered leaves the others as they are, and says why.
"""

from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bursar.db.pool import redact
from bursar.ops.migrate.session import Connection, connect

# Nobody who looks into a slow database may make it slower, or wait with the others.
_STATEMENT_MS = 10_000
_LOCK_MS = 1_000

# What waits or is open: its name, the table without which it is left out, and how many there are,
# with how many seconds ago the oldest began.
_WORK: tuple[tuple[str, str, LiteralString], ...] = (
    (
        "inbox",
        "bursar.inbox",
        "SELECT count(*) FILTER (WHERE status = 'waiting'),"
        " count(*) FILTER (WHERE status = 'refused'), min(received_at)"
        " FROM bursar.inbox WHERE status <> 'done'",
    ),
    (
        "claims",
        "public.claim_queue",
        "SELECT count(*) FILTER (WHERE status = 'waiting'),"
        " count(*) FILTER (WHERE status = 'set_aside'), min(received_at)"
        " FROM public.claim_queue WHERE status <> 'done'",
    ),
    (
        "holds",
        "bursar.hold",
        "SELECT count(*), count(*) FILTER (WHERE expires_at < clock_timestamp()), min(created_at)"
        " FROM bursar.hold WHERE status = 'open'",
    ),
    (
        "generation jobs",
        "public.generation_jobs",
        "SELECT count(*), count(*) FILTER (WHERE due_at < clock_timestamp() - interval '1 minute'),"
        " min(created_at) FROM public.generation_jobs WHERE status IN ('queued', 'processing')",
    ),
    (
        "card refunds",
        "public.card_refunds",
        "SELECT count(*), count(*) FILTER (WHERE last_error IS NOT NULL), min(created_at)"
        " FROM public.card_refunds WHERE status = 'owed'",
    ),
)


def diagnose(url: str, *, limit: int = 20) -> dict[str, Any]:
    """Return what goes on in the database at `url`, at most `limit` sessions or tables of a kind.

    `activity`, `server` and `work` are what was found; what could not be asked is in `unknown`, a
    sentence for each. Any login will do that may call `bursar.read_activity`: the owner's, the
    service's, or a member of `bursar_operator`. Raises `NotReached` where there is no database.
    """
    unknown: dict[str, str] = {}
    with connect(url, "bursar diagnose") as connection:
        connection.read_only = True

        def ask(name: str, question: Callable[[Connection], Any]) -> Any:
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL statement_timeout = {_STATEMENT_MS}".encode())
                    connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}".encode())
                    return question(connection)
            except psycopg.OperationalError as error:
                if connection.broken:
                    raise
                unknown[name] = _first_line(error)
            except psycopg.Error as error:
                unknown[name] = _first_line(error)
            return None

        return {
            "activity": ask("activity", lambda one: _call(one, "read_activity", limit)),
            "server": ask("server", lambda one: _call(one, "read_server", limit)),
            "work": ask("work", _work),
            "unknown": unknown,
        }


def _call(connection: Connection, function: LiteralString, limit: int) -> Any:
    found = connection.execute(f"SELECT bursar.{function}(%s) AS told", [limit]).fetchone()
    return None if found is None else found["told"]


def _work(connection: Connection) -> list[dict[str, Any]]:
    """Return each kind of work with how much is under way, overdue or set aside, and since when."""
    told = []
    for name, table, question in _WORK:
        there = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS it", [table]).fetchone()
        if there is None or not there["it"]:
            continue
        counted = connection.execute(
            sql.SQL(
                "SELECT q.*, round(extract(epoch FROM clock_timestamp() - q.oldest)::numeric, 1)"
                "::float8 AS seconds FROM ({}) AS q (open, stuck, oldest)"
            ).format(sql.SQL(question))
        ).fetchone()
        assert counted is not None
        told.append(
            {
                "work": name,
                "open": counted["open"],
                "stuck": counted["stuck"],
                "oldest_seconds": counted["seconds"],
            }
        )
    return told


def _first_line(error: psycopg.Error) -> str:
    return redact(str(error).partition("\n")[0])
