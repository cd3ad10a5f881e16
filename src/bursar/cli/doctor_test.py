"""`bursar doctor` and `bursar repair` say what they found and did, and end as scripts expect."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bursar.cli import conftest
from bursar.cli.conftest import run, run_json
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase

EXPECTED = """
CREATE SCHEMA shop;
CREATE TABLE shop.items
    (id bigint PRIMARY KEY, name text NOT NULL, price bigint NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX items_name ON shop.items (name);
CREATE FUNCTION shop.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
LIVE = """
CREATE SCHEMA shop;
CREATE TABLE shop.items (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO shop.items VALUES (1, 'cup'), (2, 'pot'), (3, 'cup');
CREATE FUNCTION shop.one() RETURNS int LANGUAGE sql AS 'SELECT 2';
"""


@pytest.fixture
def shop(
    empty_database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ScratchDatabase:
    """A shop's database that drifted; the commands find it in the environment."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest,
        "environment",
        lambda **more: ours(**{"BURSAR_DATABASE_URL": empty_database.url, **more}),
    )
    (tmp_path / "expected.sql").write_text(EXPECTED)
    monkeypatch.chdir(tmp_path)
    empty_database.connect().execute(LIVE.encode())
    return empty_database


def names(database: ScratchDatabase) -> list[str]:
    rows = database.connect().execute("SELECT name FROM shop.items ORDER BY id").fetchall()
    return [row[0] for row in rows]


def test_what_differs_is_told_in_words_and_ends_with_1(shop: ScratchDatabase) -> None:
    done = run("doctor", "--expect", "expected.sql")

    assert done.returncode == 1, done.stderr
    for words in (
        "The column shop.items.price is missing: the code expects it.",
        "The index shop.items_name of shop.items is missing: duplicates are not refused.",
        "The function shop.one() differs in its body: it does something else.",
        "mended by repair",
        "mended when you say yes",
        "The live schema differs (shop): 3 errors.",
    ):
        assert words in done.stdout, words


def test_nothing_is_changed_without_apply(shop: ScratchDatabase) -> None:
    planned = run("repair", "--expect", "expected.sql")

    assert planned.returncode == 1
    assert "ALTER TABLE shop.items ADD COLUMN IF NOT EXISTS price" in planned.stdout
    assert "Nothing was changed; --apply carries it out." in planned.stdout
    assert run_json("doctor", "--expect", "expected.sql", code=1)["count"] == 3


def test_a_repair_says_what_stands_in_its_way_and_what_needs_a_yes(shop: ScratchDatabase) -> None:
    done = run("repair", "--expect", "expected.sql", "--apply", "--journal", "journal.jsonl")

    assert done.returncode == 1
    assert "done: column shop.items.price" in done.stderr
    assert "needs a yes (--yes): function shop.one()" in done.stderr
    assert "Rows of shop.items share the same (name). (1 of them)" in done.stderr
    assert '{"name": "cup", "rows": 2}' in done.stderr
    assert "3 steps: 1 done, 1 blocked by rows, 1 waiting for a yes." in done.stdout
    journal = [json.loads(line) for line in Path("journal.jsonl").read_text().splitlines()]
    assert [line["what"] for line in journal] == ["begins", "ended"]
    assert Path("journal.jsonl").stat().st_mode & 0o777 == 0o600
    assert names(shop) == ["cup", "pot", "cup"]


def test_a_whole_repair_mends_and_the_second_one_is_a_no_op(shop: ScratchDatabase) -> None:
    arguments = ("repair", "--expect", "expected.sql", "--apply", "--yes", "--quarantine")

    first = run_json(*arguments, "--undo", "undo.sql")
    again = run(*arguments)

    assert first["healthy"] is True
    assert {result["ending"] for result in first["results"]} == {"done"}
    assert again.returncode == 0
    assert "There was nothing to repair; nothing was changed." in again.stdout
    assert run_json("doctor", "--expect", "expected.sql")["healthy"] is True
    connection = shop.connect()
    [aside] = connection.execute(
        "SELECT id, name, quarantined_because FROM shop.items_quarantine"
    ).fetchall()
    assert (names(shop), aside) == (["cup", "pot"], (3, "cup", "another row has the same (name)"))
    assert "DROP COLUMN price" in Path("undo.sql").read_text()


def test_the_repair_as_sql_may_be_run_twice(shop: ScratchDatabase, cluster: Cluster) -> None:
    shop.connect().execute("DELETE FROM shop.items WHERE id = 3")
    printed = run("repair", "--expect", "expected.sql", "--sql", "--yes")
    assert printed.returncode == 1
    Path("repair.sql").write_text(printed.stdout)

    for _ in range(2):
        subprocess.run(
            [cluster.psql_path, "-v", "ON_ERROR_STOP=1", "-qf", "repair.sql", shop.url], check=True
        )

    assert run_json("doctor", "--expect", "expected.sql")["count"] == 0


def test_what_replaces_something_is_a_comment_in_the_sql(shop: ScratchDatabase) -> None:
    printed = run("repair", "--expect", "expected.sql", "--sql").stdout

    assert "-- CREATE OR REPLACE FUNCTION shop.one()" in printed
    assert "\nCREATE OR REPLACE FUNCTION" not in printed


@pytest.fixture
def plain_role(shop: ScratchDatabase) -> Iterator[str]:
    """The URL of the shop for a login that may not create databases."""
    connection = shop.connect()
    connection.execute("CREATE ROLE doctor_plain LOGIN PASSWORD 'plain'")
    connection.execute("GRANT USAGE ON SCHEMA shop TO doctor_plain")
    connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO doctor_plain")
    yield psycopg.conninfo.make_conninfo(shop.url, user="doctor_plain", password="plain")
    connection.execute("DROP OWNED BY doctor_plain; DROP ROLE doctor_plain")


def test_without_createdb_the_expectation_is_built_on_a_server_of_our_own(
    shop: ScratchDatabase, plain_role: str
) -> None:
    done = run("doctor", "--expect", "expected.sql", "--json", BURSAR_DATABASE_URL=plain_role)

    assert done.returncode == 1, done.stdout
    codes = {finding["code"] for finding in json.loads(done.stdout)["findings"]}
    assert {"column_missing", "index_missing", "function_body"} <= codes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CREATE TABEL x ();", "statement 1 failed: syntax error"),
        ("COPY shop.items (id) FROM stdin;\n1\n\\.\n", "holds rows (COPY"),
        (None, "cannot be read"),
    ],
)
def test_what_cannot_be_carried_out_ends_with_2(
    text: str | None, says: str, shop: ScratchDatabase
) -> None:
    if text is None:
        Path("expected.sql").unlink()
    else:
        Path("expected.sql").write_text(text)

    for command in ("doctor", "repair"):
        answered = run_json(command, "--expect", "expected.sql", code=2)
        assert says in answered["error"]


def test_psqls_own_commands_in_a_dump_are_left_out(shop: ScratchDatabase) -> None:
    text = f"\\restrict abc\nSET transaction_timeout = 0;\n{EXPECTED}\n\\unrestrict abc\n"
    Path("expected.sql").write_text(text)

    assert run_json("doctor", "--expect", "expected.sql", code=1)["count"] == 3


def test_our_own_migrations_are_what_is_expected_by_default(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("doctor", BURSAR_DATABASE_URL=database.url)

    assert done.returncode == 0, done.stdout
    assert "The live schema is what the code expects (auth, bursar, bursar_meta, public)." in (
        done.stdout
    )
