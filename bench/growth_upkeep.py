"""What purchases leave behind: WAL, disk, dead rows, and whether autovacuum keeps up with them."""

from dataclasses import asdict, dataclass
from typing import Any, LiteralString

import psycopg

# Every table that a purchase writes.
_TABLES = (
    "public.user_credits",
    "public.collected_rewards",
    "bursar.transaction",
    "bursar.entry",
    "bursar.idempotency",
)
_TALLY: LiteralString = """
    SELECT t.name, coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_hot_upd, 0),
        coalesce(s.n_dead_tup, 0), coalesce(s.autovacuum_count, 0),
        pg_table_size(t.name::regclass), pg_indexes_size(t.name::regclass)
    FROM unnest(%s::text[]) AS t (name)
    LEFT JOIN pg_stat_all_tables AS s ON s.relid = t.name::regclass
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """One table's counters and sizes in bytes, at one moment or between two."""

    updated: int
    updated_in_page: int
    dead_rows: int
    vacuums: int
    table_bytes: int
    index_bytes: int

    def since(self, before: "Tally") -> "Tally":
        """Return what has come since then; dead rows are those of now."""
        return Tally(
            self.updated - before.updated,
            self.updated_in_page - before.updated_in_page,
            self.dead_rows,
            self.vacuums - before.vacuums,
            self.table_bytes - before.table_bytes,
            self.index_bytes - before.index_bytes,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the counters by name, and the share of updates that stayed in their page."""
        share = self.updated_in_page / self.updated if self.updated else None
        return asdict(self) | {"share_in_page": share}


@dataclass(frozen=True, slots=True)
class Wal:
    """The server's counters: bytes of WAL, whole pages among it, and checkpoints."""

    bytes: int
    pages: int
    checkpoints: int

    def since(self, before: "Wal") -> "Wal":
        """Return what has come since then."""
        return Wal(
            self.bytes - before.bytes,
            self.pages - before.pages,
            self.checkpoints - before.checkpoints,
        )


def tally(connection: psycopg.Connection) -> dict[str, Tally]:
    """Return the state of every table that a purchase writes."""
    rows = connection.execute(_TALLY, [list(_TABLES)]).fetchall()
    return {name: Tally(*numbers) for name, *numbers in rows}


def read_wal(connection: psycopg.Connection) -> Wal:
    """Return the server's counters; other sessions' are in it with a delay of up to a second."""
    row = connection.execute(
        "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint,"
        " (SELECT wal_fpi FROM pg_stat_wal),"
        " (SELECT num_done FROM pg_stat_checkpointer)"
    ).fetchone()
    assert row is not None
    return Wal(*row)
