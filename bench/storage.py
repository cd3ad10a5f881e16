"""What purchases leave on the disk: write-ahead log, tables that grow, rows that are dead."""

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

_TABLES: LiteralString = """
SELECT s.schemaname || '.' || s.relname, pg_total_relation_size(s.relid), s.n_live_tup, s.n_dead_tup
FROM pg_stat_user_tables AS s WHERE s.schemaname <> 'bench' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its size in bytes, indexes and TOAST included, and its rows as PostgreSQL counts
    them, the dead ones those that no vacuum has cleared away yet."""

    bytes: int
    live_rows: int
    dead_rows: int


def read_tables(url: str) -> dict[str, Table]:
    """Return the tables of the database at `url`, the harness's own left out."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(_TABLES).fetchall()
    return {name: Table(*counts) for name, *counts in rows}


def growth(before: dict[str, Table], after: dict[str, Table], purchases: int) -> dict[str, Any]:
    """Return what purchases left behind: bytes for each, and every table that grew or has dead
    rows."""
    grown = {name: table.bytes - before[name].bytes for name, table in after.items()}
    return {
        "purchases": purchases,
        "bytes_per_purchase": round(sum(grown.values()) / purchases, 1) if purchases else None,
        "dead_rows": sum(table.dead_rows for table in after.values()),
        "tables": [
            {
                "table": name,
                "bytes": table.bytes,
                "growth_bytes": grown[name],
                "live_rows": table.live_rows,
                "dead_rows": table.dead_rows,
            }
            for name, table in after.items()
            if grown[name] or table.dead_rows
        ],
    }


class WriteAheadLog:
    """How far the server's log has come. One connection for the whole run, as superuser."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def position(self) -> int:
        """Return the position at which the next record will be, in bytes."""
        row = self._connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
