"""Whatever has come of a database, the doctor names it, and mending it loses no row.

The kinds were drawn up by somebody who had not read the doctor. In the quick run those that it did
badly at first, and some of the others; with BURSAR_LONG=1 all of them, on each version.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from bursar.cli.root import app
from bursar.db.scratch import ScratchDatabase
from tests.blind_drift import KEYS, Drift
from tests.blind_drift_in_the_way import IN_THE_WAY
from tests.blind_drift_of_code import CODE
from tests.blind_drift_of_shape import SHAPES
from tests.storms import LONG

pytestmark = pytest.mark.postgres_versions(*(("15", "18") if LONG else ("18",)))
KINDS = KEYS + SHAPES + CODE + IN_THE_WAY
GOOD_AT_FIRST = [kind for kind in KINDS if not kind.at_first]
SOME = {kind.name for kind in KINDS if kind.at_first} | {kind.name for kind in GOOD_AT_FIRST[::4]}
CATALOGS = ("constraint", "policy", "trigger", "proc", "type", "rewrite", "attrdef")
Row = frozenset[tuple[str, str]]


@dataclass(slots=True)
class Patient:
    """A database, and the file of the schema that its code expects."""

    database: ScratchDatabase
    expected: Path

    def ask(self, *words: str) -> tuple[int, Any]:
        """Run a command on it, and return its exit code and what it answered."""
        words = (*words, "--expect", str(self.expected), "--json")
        done = CliRunner().invoke(app, words, env={"BURSAR_DATABASE_URL": self.database.url})
        assert done.stdout, done.output
        return done.exit_code, json.loads(done.stdout)

    def columns(self) -> dict[str, set[str]]:
        """The columns of each table that holds rows of its own."""
        rows = self.database.connect().execute(
            "SELECT attrelid::regclass::text, array_agg(attname::text) FROM pg_attribute "
            "JOIN pg_class AS t ON t.oid = attrelid WHERE relkind = 'r' AND attnum > 0 "
            "AND NOT attisdropped AND relnamespace::regnamespace::text !~ '^(pg_|information_)' "
            "GROUP BY 1"
        )
        return {table: set(names) for table, names in rows}

    def rows(self, known: dict[str, set[str]]) -> Counter[Row]:
        """Every row of every table, wherever it stands, as far as its columns were known."""
        found: Counter[Row] = Counter()
        connection = self.database.connect()
        everywhere = set().union(*known.values())
        for table in self.columns():
            # The name is as PostgreSQL has quoted it.
            name = sql.SQL(table)
            query = sql.SQL("SELECT to_jsonb(t) FROM ONLY {} AS t").format(name)
            for (row,) in connection.execute(query):
                kept = known.get(table, everywhere)
                found[frozenset((k, json.dumps(v)) for k, v in row.items() if k in kept)] += 1
        return found

    def schema(self) -> set[tuple[Any, ...]]:
        """Every object there is, and by which transaction it was last written."""
        connection = self.database.connect()
        query = "SELECT oid, relname, relfilenode, relacl::text, reloptions::text FROM pg_class"
        found: set[tuple[Any, ...]] = set(connection.execute(query.encode()))
        for name in CATALOGS:
            query = f"SELECT '{name}', oid, xmin::text FROM pg_{name}"
            found |= set(connection.execute(query.encode()))
        return found

    def attempt(self, statements: str) -> str:
        """What PostgreSQL says against them; nothing of them stays."""
        connection = self.database.connect()
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statements.encode())
        except psycopg.Error as error:
            return str(error)
        return ""


def cases() -> list[Any]:
    """The kinds of drift that this run looks at."""
    return [
        pytest.param(kind, id=kind.name.replace(" ", "_"))
        for kind in KINDS
        if LONG or kind.name in SOME
    ]


@pytest.fixture(scope="module")
def endings() -> Iterator[Counter[str]]:
    """How many kinds came to what; printed at the end."""
    counted: Counter[str] = Counter()
    yield counted
    for ending, count in sorted(counted.items()):
        sys.stdout.write(f"{count:4} {ending}\n")


@pytest.fixture
def patient(empty_database: ScratchDatabase, tmp_path: Path) -> Patient:
    return Patient(empty_database, tmp_path / "expected.sql")


def drift_away(patient: Patient, kind: Drift) -> None:
    """Make the database that the code expects, with rows in it, and let it drift."""
    patient.expected.write_text(kind.expected, "utf-8")
    connection = patient.database.connect()
    for statements in filter(None, (kind.expected, kind.rows, kind.drift)):
        connection.execute(statements.encode())
    if kind.failing:
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute(kind.failing.encode())


def assert_named(kind: Drift, code: int, answer: Any) -> None:
    told = " ".join(found["object"] for found in answer["findings"]).replace('""', '"')
    assert [name for name in kind.named if name not in told] == [], answer
    assert (code == 0) == kind.note, answer


def assert_mended(kind: Drift, repaired: Any, answer: Any) -> None:
    """What is still found is left alone with a reason, or waits for rows that are listed."""
    alone = {left["finding"] for left in answer["left_alone"]}
    blocked = {done["finding"] for done in repaired["results"] if done["ending"] == "blocked"}
    still = {f"{found['code']} {found['object']}" for found in answer["findings"]}
    assert {done["finding"] for done in repaired["results"] if done["ending"] == "failed"} == set()
    assert still - alone - blocked == set(), answer
    if not kind.left:
        assert [found for found in answer["findings"] if found["severity"] != "note"] == []


@pytest.mark.parametrize("kind", cases())
def test_drift_is_named_and_mended_and_no_row_is_lost(
    kind: Drift, patient: Patient, postgres_version: str, endings: Counter[str]
) -> None:
    if kind.since > int(postgres_version):
        pytest.skip("This PostgreSQL has no such thing.")
    drift_away(patient, kind)
    known = patient.columns()
    rows = patient.rows(known)
    how = ("repair", "--apply", "--yes", *(["--quarantine"] if kind.quarantine else []))

    code, answer = patient.ask("doctor")
    assert_named(kind, code, answer)

    _, repaired = patient.ask(*how)
    assert patient.rows(known) == rows
    _, afterwards = patient.ask("doctor")
    assert_mended(kind, repaired, afterwards)
    assert not kind.works or not patient.attempt(kind.works)
    assert not kind.refused or patient.attempt(kind.refused)

    schema = patient.schema()
    _, again = patient.ask(*how)
    assert [done for done in again["results"] if done["ending"] == "done"] == []
    assert again["left"] == afterwards["findings"]
    assert patient.schema() == schema
    assert patient.rows(known) == rows
    worst = {found["severity"] for found in afterwards["findings"]} - {"note"}
    ending = "left alone in words, or waiting for rows" if worst else "mended"
    endings[f"{ending} (PostgreSQL {postgres_version})"] += 1


def test_what_has_not_drifted_is_healthy(patient: Patient, postgres_version: str) -> None:
    """All the libraries at once, each in a schema of its own."""
    connection = patient.database.connect()
    expected = ""
    for number, kind in enumerate(KINDS):
        if kind.since <= int(postgres_version):
            made = f"CREATE SCHEMA k{number}; SET search_path = k{number}; {kind.expected}\n"
            connection.execute((made + kind.rows).encode())
            expected += made
    patient.expected.write_text(expected, "utf-8")

    code, answer = patient.ask("doctor")

    assert (code, answer["findings"]) == (0, [])
