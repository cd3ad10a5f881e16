"""A repair that was broken off leaves nothing behind, and takes nothing away that it emptied."""

from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.mend import Mending, mend

EXPECTED = """
CREATE TABLE rooms (id int PRIMARY KEY);
CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL, room int REFERENCES rooms,
    CONSTRAINT small CHECK (id < 100));
GRANT INSERT, DELETE ON books TO pg_monitor WITH GRANT OPTION;
GRANT UPDATE ON books TO pg_monitor;
"""
ROWS = "INSERT INTO rooms VALUES (1); INSERT INTO books VALUES (1, 'Emma', 1), (2, 'Kim', 1);"


@pytest.fixture
def library(empty_database: ScratchDatabase) -> ScratchDatabase:
    empty_database.connect().execute((EXPECTED + ROWS).encode())
    return empty_database


def carry_out(database: ScratchDatabase, tmp_path: Path, journal: list[str]) -> Mending:
    (tmp_path / "expected.sql").write_text(EXPECTED)
    expected, schemas = build_expected(database.url, by_file(tmp_path / "expected.sql"))
    choices = Choices(changes=True, quarantine=True)
    return mend(database.url, expected, schemas, choices, journal=journal.append)


def test_what_an_earlier_repair_left_behind_is_taken_away(
    library: ScratchDatabase, tmp_path: Path
) -> None:
    """Two proofs, and a foreign key whose place another one was about to take."""
    library.connect().execute(
        "ALTER TABLE books ADD CONSTRAINT doctor_public_books_title"
        " CHECK (title IS NOT NULL) NOT VALID, DROP CONSTRAINT small,"
        " ADD CONSTRAINT small CHECK (id < 50),"
        " ADD CONSTRAINT doctor_small CHECK (id < 100) NOT VALID,"
        " ADD CONSTRAINT doctor_of_our_own CHECK (id > 0)"
    )

    mending = carry_out(library, tmp_path, [])

    assert {result.ending for result in mending.results} == {"done"}
    assert [finding.id for finding in mending.left.findings] == [
        "constraint_extra check doctor_of_our_own (id) of public.books"
    ]


def test_no_row_is_set_aside_for_a_value_that_none_has(
    library: ScratchDatabase, tmp_path: Path
) -> None:
    connection = library.connect()
    connection.execute("ALTER TABLE books DROP title")

    mending = carry_out(library, tmp_path, [])
    again = carry_out(library, tmp_path, [])

    assert [result.ending for result in mending.results] == ["guarded"]
    assert [result.ending for result in again.results] == ["blocked"]
    assert again.results[0].rows == [
        {"id": 1, "room": 1, "title": None},
        {"id": 2, "room": 1, "title": None},
    ]
    assert connection.execute("SELECT count(*) FROM books").fetchone() == (2,)
    connection.execute("UPDATE books SET title = 'again'")
    assert carry_out(library, tmp_path, []).left.healthy


def test_a_privilege_is_never_away_while_its_grant_option_changes(
    library: ScratchDatabase, tmp_path: Path
) -> None:
    connection = library.connect()
    connection.execute(
        "REVOKE GRANT OPTION FOR INSERT ON books FROM pg_monitor;"
        "GRANT UPDATE ON books TO pg_monitor WITH GRANT OPTION;"
        "GRANT TRUNCATE ON books TO pg_monitor WITH GRANT OPTION"
    )
    journal: list[str] = []

    mending = carry_out(library, tmp_path, journal)

    assert mending.left.findings == []
    revoked = [line for line in journal if '"begins"' in line and "REVOKE" in line]
    assert len(revoked) == 2, revoked
    assert sum("REVOKE GRANT OPTION FOR UPDATE" in line for line in revoked) == 1
    assert sum("REVOKE TRUNCATE ON" in line for line in revoked) == 1


def test_a_function_made_anew_is_open_to_whom_it_was(
    library: ScratchDatabase, tmp_path: Path
) -> None:
    """An argument has another name; the function is dropped and made in one transaction."""
    connection = library.connect()
    made = "CREATE FUNCTION lend({}) RETURNS int LANGUAGE sql AS 'SELECT 1'"
    closed = "REVOKE ALL ON FUNCTION lend FROM PUBLIC; GRANT EXECUTE ON FUNCTION lend TO pg_monitor"
    connection.execute(f"{made.format('book int')}; {closed}".encode())
    expected = f"{EXPECTED}{made.format('book_id int')}; {closed};"
    (tmp_path / "with.sql").write_text(expected)
    wanted, schemas = build_expected(library.url, by_file(tmp_path / "with.sql"))

    mending = mend(library.url, wanted, schemas, Choices(changes=True))

    assert [result.ending for result in mending.results] == ["done"]
    assert mending.left.findings == []
    [statement] = mending.results[0].step.statements
    assert statement.sql.index("REVOKE ALL") < statement.sql.index("GRANT EXECUTE")
