"""A database that drifted, and the doctor at work on it; and what its rows come to."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from bursar.db.scratch import ScratchDatabase
from bursar.ops.doctor.apply import Choices, Repair, Result
from bursar.ops.doctor.examine import Examination, examine
from bursar.ops.doctor.schema import Schema

DRIFT = Path(__file__).with_name("drift")
ALL = Choices(changes=True)
ALL_AND_ASIDE = Choices(changes=True, quarantine=True)


def repair(
    database: ScratchDatabase, found: Examination, choices: Choices = ALL, journal: Any = None
) -> list[Result]:
    """Carry a plan out."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        return Repair(connection, choices, journal or (lambda _: None)).run(
            found.plan, lambda _: None
        )


def repair_and_look(
    database: ScratchDatabase,
    expected: Schema,
    schemas: Sequence[str],
    choices: Choices = ALL,
) -> tuple[list[Result], Examination]:
    """Examine, repair, and examine again."""
    results = repair(database, examine(database.url, expected, schemas), choices)
    return results, examine(database.url, expected, schemas)


def told(examination: Examination) -> list[str]:
    """Return findings as lines that a failing test shows."""
    return [
        f"{f.severity} {f.code} {f.object}: {f.expected} | {f.found}" for f in examination.findings
    ]


def run_script(database: ScratchDatabase, text: str) -> None:
    """Run a script with psql, as an operator would; the first error ends it."""
    subprocess.run(
        [database.cluster.psql_path, "-v", "ON_ERROR_STOP=1", "-q", database.url],
        input=text,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


Rows = dict[str, dict[str, int]]


def rows_of(database: ScratchDatabase, columns: dict[str, list[str]] | None = None) -> Rows:
    """Return all rows of all tables as text and how often each is there.

    Rows that were set aside count for their table. `columns` are those to look at; by default all.
    """
    connection = database.connect()
    connection.execute("SET search_path = ''")
    columns = columns or columns_of(database)
    found: Rows = {}
    for table, names in columns.items():
        picked = ", ".join(names)
        schema, _, bare = table.partition(".")
        sources = [table]
        aside = f"{schema}.{bare}_quarantine"
        if connection.execute("SELECT to_regclass(%s)", [aside]).fetchone() != (None,):
            sources.append(aside)
        rows = found.setdefault(table, {})
        for source in sources:
            query = f"SELECT ROW({picked})::text, count(*) FROM ONLY {source} GROUP BY 1"
            for row, count in connection.execute(query.encode()).fetchall():
                rows[row] = rows.get(row, 0) + count
    return found


def digest(database: ScratchDatabase, columns: dict[str, list[str]]) -> dict[str, str]:
    """How many rows each table has, those set aside included, and a digest of them."""
    digests = {}
    for table, rows in rows_of(database, columns).items():
        told = hashlib.sha256(str(sorted(rows.items())).encode()).hexdigest()[:12]
        digests[table] = f"{sum(rows.values())} rows {told}"
    return digests


def columns_of(database: ScratchDatabase) -> dict[str, list[str]]:
    """Return the columns of every table that somebody made, those set aside left out."""
    found: dict[str, list[str]] = {}
    connection = database.connect()
    connection.execute("SET search_path = ''")
    for table, column in connection.execute(
        "SELECT c.oid::regclass::text, quote_ident(a.attname) FROM pg_class AS c"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relkind = 'r' AND c.relname !~ '_quarantine$' AND a.attgenerated = ''"
        " AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"
        " ORDER BY 1, a.attnum"
    ):
        found.setdefault(table, []).append(column)
    return found
