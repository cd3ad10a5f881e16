"""Notes where the next incremental audit may begin: behind the last seal that this one covered."""

import psycopg
from psycopg import AsyncRawCursor

from bursar.db.pool import open_connection
from bursar.ops.audit.report import Report
from bursar.settings import Settings

_TIMEOUT_MS = 5_000


async def record_checkpoint(url: str, settings: Settings, report: Report, actor: str) -> bool:
    """Note the last seal that `report` covered, and who it was; answer whether it was noted.

    It is not while changes are paused, nor when nothing is sealed, nor where it has been already.
    Nor is it by a login that may not, nor on a replica, and where there were findings nothing is
    asked. Raises `psycopg.Error` when it failed otherwise.
    """
    if report.covered is None or not report.clean:
        return False
    connection = await open_connection(
        url, settings, lock_timeout_ms=_TIMEOUT_MS, statement_timeout_ms=_TIMEOUT_MS
    )
    try:
        cursor = AsyncRawCursor(connection)
        await cursor.execute(
            b"SELECT bursar.record_checkpoint($1, $2::timestamptz, $3)",
            [report.covered, report.taken_at, actor],
        )
        row = await cursor.fetchone()
        return row is not None and bool(row[0])
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return False
    finally:
        await connection.close()
