"""A repair waits briefly, tries again, takes nothing that others depend on, and is bounded."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.mend import Mending, RepairError, mend

EXPECTED = """
CREATE SCHEMA shop;
CREATE TABLE shop.items (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, note text);
CREATE TABLE shop.sales (item_id bigint REFERENCES shop.items (id) ON DELETE CASCADE);
"""
LIVE = """
CREATE SCHEMA shop;
CREATE TABLE shop.items (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.sales (item_id bigint REFERENCES shop.items (id) ON DELETE CASCADE);
INSERT INTO shop.items VALUES (1, 'cup'), (2, 'pot'), (3, 'cup'), (4, 'pot');
INSERT INTO shop.sales VALUES (3), (3), (2);
"""


@pytest.fixture
def shop(empty_database: ScratchDatabase, tmp_path: Path) -> ScratchDatabase:
    (tmp_path / "expected.sql").write_text(EXPECTED)
    empty_database.connect().execute(LIVE.encode())
    return empty_database


def carry_out(
    shop: ScratchDatabase, tmp_path: Path, journal: list[str], **choices: bool | int
) -> Mending:
    expected, schemas = build_expected(shop.url, by_file(tmp_path / "expected.sql"))
    return mend(
        shop.url,
        expected,
        schemas,
        Choices(**choices),  # type: ignore[arg-type]  # choices by name
        journal=journal.append,
    )


class Patience(list[str]):
    """A journal whose reader lets a lock go once it was asked for a second time."""

    def __init__(self, holder: psycopg.Connection[Any]) -> None:
        self.holder = holder

    def append(self, line: str) -> None:
        super().append(line)
        asked = [line for line in self if "ADD COLUMN" in line and '"begins"' in line]
        if len(asked) == 2:
            self.holder.rollback()


def test_a_lock_that_is_not_had_soon_is_asked_for_again(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    holder = shop.connect(autocommit=False)
    holder.execute("SELECT 1 FROM shop.items")
    journal = Patience(holder)

    mending = carry_out(shop, tmp_path, journal)

    assert {r.ending for r in mending.results} == {"done", "blocked"}
    told = [line for line in map(json.loads, journal) if "ADD COLUMN" in line["text"]]
    assert [line["what"] for line in told] == ["begins", "begins", "ended"]


def test_rows_that_others_depend_on_are_not_set_aside(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    """Taking the second cup away would take its sales with it; nothing sells the second pot."""
    mending = carry_out(shop, tmp_path, [], quarantine=True)

    [blocked] = [r for r in mending.results if r.ending == "blocked"]
    assert blocked.rows == [{"name": "cup", "rows": 2}]
    connection = shop.connect()
    assert connection.execute("SELECT id FROM shop.items ORDER BY id").fetchall() == [
        (1,),
        (2,),
        (3,),
    ]
    assert connection.execute("SELECT count(*) FROM shop.sales").fetchone() == (3,)
    assert connection.execute("SELECT id FROM shop.items_quarantine").fetchall() == [(4,)]
    assert connection.execute(
        "SELECT relrowsecurity FROM pg_class WHERE relname = 'items_quarantine'"
    ).fetchone() == (True,)


def test_two_repairs_at_once_are_refused(shop: ScratchDatabase, tmp_path: Path) -> None:
    other = shop.connect()
    other.execute("SELECT pg_advisory_lock(hashtext('bursar doctor'), hashtext('repair'))")

    with pytest.raises(RepairError, match="Another repair is at work"):
        carry_out(shop, tmp_path, [])


def test_what_holds_a_lock_for_too_long_is_undone(shop: ScratchDatabase, tmp_path: Path) -> None:
    connection = shop.connect()
    connection.execute(
        "CREATE FUNCTION shop.slow() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(1); END $$;"
        " CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"
        " EXECUTE FUNCTION shop.slow()"
    )

    mending = carry_out(shop, tmp_path, [], hold_ms=200)

    assert ("failed", "canceling statement due to statement timeout") in {
        (r.ending, r.error) for r in mending.results
    }
    with pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute("SELECT note FROM shop.items")


def test_what_may_have_been_renamed_is_asked_for(shop: ScratchDatabase, tmp_path: Path) -> None:
    shop.connect().execute("ALTER TABLE shop.items ADD remark text")

    mending = carry_out(shop, tmp_path, [])

    [asked] = [r for r in mending.results if r.ending == "asked"]
    assert asked.step.finding.object == "column shop.items.note"
