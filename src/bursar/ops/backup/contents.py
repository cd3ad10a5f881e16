"""What a database holds, as figures that a restored copy has to show again.

Of each table the number of rows and a digest: the sums of two halves of each row's sha256, modulo
2^64. It does not depend on the order of the rows, which a restore may change, nor on the version
of the server. Rows are read as text under fixed settings, so that a time zone makes no difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from psycopg import sql

from bursar.ops.backup.errors import Hidden
from bursar.ops.backup.session import Connection

_SAME_EVERYWHERE = """
    SELECT set_config('search_path', 'pg_catalog', true), set_config('timezone', 'UTC', true),
        set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'iso_8601', true),
        set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true),
        set_config('xmloption', 'content', true), set_config('row_security', 'off', true),
        set_config('statement_timeout', '0', true)
"""
_DIGEST = """
    SELECT count(*), coalesce(sum(('x' || left(d, 16))::bit(64)::bigint), 0),
        coalesce(sum(('x' || substr(d, 17, 16))::bit(64)::bigint), 0)
    FROM (SELECT encode(sha256(convert_to(ROW(t.*)::text, 'UTF8')), 'hex') AS d
        FROM ONLY {} AS t OFFSET 0) AS rows
"""
_SEQUENCES = """
    SELECT format('%I.%I', s.schemaname, s.sequencename), s.last_value
    FROM pg_sequences AS s WHERE s.last_value IS NOT NULL ORDER BY 1
"""
_HIDDEN_TOLD = 5


@dataclass(frozen=True, slots=True)
class TableContents:
    """How many rows a table has, and their digest: 32 hexadecimal digits."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Tables by name, the last numbers of sequences, and other objects counted by kind."""

    tables: Mapping[str, TableContents]
    sequences: Mapping[str, int]
    objects: Mapping[str, int]

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(table.rows for table in self.tables.values())


def require_sight(connection: Connection) -> None:
    """Make sure that the login sees every row of every table, which it needs for a dump.

    Raises `Hidden` that names tables. A dump by somebody whom row-level security holds would fail
    late, or hold a part of the rows.
    """
    hidden = [str(row[2]) for row in connection.execute(_text("tables")) if not row[3]]
    if not hidden:
        return
    (who,) = connection.execute("SELECT current_user").fetchone() or ("",)
    more = len(hidden) - _HIDDEN_TOLD
    raise Hidden(
        f"The login {who} does not see every row of {', '.join(hidden[:_HIDDEN_TOLD])}"
        + (f" and {more} more tables" if more > 0 else "")
        + ", so a backup of its making would lack some. Log in as the owner of the tables, as a "
        "superuser, or as a role with BYPASSRLS that may read them. Nothing was written."
    )


def read_contents(
    connection: Connection,
    on_table: Callable[[str, int], object] = lambda name, left: None,
    *,
    rows: bool = True,
) -> Contents:
    """Read all of it in the transaction that is open, or in one of its own.

    `on_table` is called with the name of a table before it is read, and with how many are left.
    Without `rows` only objects are counted.
    """
    with connection.transaction():
        connection.execute(_SAME_EVERYWHERE)
        objects = dict(connection.execute(_text("objects")).fetchall())
        if not rows:
            return Contents({}, {}, objects)
        names = connection.execute(_text("tables")).fetchall()
        tables = {}
        for place, (schema, name, quoted, _) in enumerate(names):
            on_table(quoted, len(names) - place)
            query = sql.SQL(_DIGEST).format(sql.Identifier(schema, name))
            row = connection.execute(query).fetchone()
            assert row is not None
            tables[quoted] = TableContents(row[0], f"{_low(row[1])}{_low(row[2])}")
        sequences = read_sequences(connection)
    return Contents(tables, sequences, objects)


def read_sequences(connection: Connection) -> dict[str, int]:
    """Return the last number of each sequence, as it is now: sequences are in no snapshot."""
    return dict(connection.execute(_SEQUENCES).fetchall())


def differences(expected: Contents, found: Contents) -> list[str]:
    """Say in sentences where a restored copy is not what was dumped; none where it is.

    Sequences may be further than they were in the snapshot, never behind.
    """
    said = [
        _difference(name, table, found.tables.get(name))
        for name, table in expected.tables.items()
        if found.tables.get(name) != table
    ]
    said += [
        f"{name} has {table.rows:,} rows, and the manifest does not know it."
        for name, table in found.tables.items()
        if name not in expected.tables
    ]
    said += [
        f"The sequence {name} stands at {found.sequences.get(name, 'its beginning')}; when the "
        f"backup was taken it stood at {value}."
        for name, value in expected.sequences.items()
        if found.sequences.get(name, 0) < value and value > 0
    ]
    said += [
        f"There are {found.objects.get(kind, 0):,} {kind}; the manifest says "
        f"{expected.objects.get(kind, 0):,}."
        for kind in sorted({*expected.objects, *found.objects})
        if found.objects.get(kind, 0) != expected.objects.get(kind, 0)
    ]
    return said


def _difference(name: str, expected: TableContents, found: TableContents | None) -> str:
    if found is None:
        return f"{name} is missing; the manifest says {expected.rows:,} rows."
    if found.rows != expected.rows:
        return f"{name} has {found.rows:,} rows; the manifest says {expected.rows:,}."
    return f"{name} has the {found.rows:,} rows that it should have, but not the same ones."


def _low(total: Any) -> str:
    return f"{int(total) % 2**64:016x}"


def _text(name: str) -> bytes:
    return (resources.files("bursar.ops.backup") / f"{name}.sql").read_bytes()
