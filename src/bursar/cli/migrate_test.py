import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bursar.cli.migrate import app
from bursar.db.scratch import ScratchDatabase
from bursar.ops.migrate.scratch_tree import Tree
from bursar.ops.migrate.source import Source


@pytest.fixture
def tree(tmp_path: Path, empty_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree(tmp_path)
    made.step("0001_ledger", "CREATE SCHEMA ledger;", "DROP SCHEMA ledger CASCADE;", "SELECT 1;")
    made.write("ledger/f.sql", "CREATE OR REPLACE VIEW ledger.v AS SELECT 1 AS a;")
    load = Source.load
    monkeypatch.setattr(Source, "load", lambda: load(made.root))
    monkeypatch.setenv("BURSAR_DATABASE_URL", empty_database.url)
    return made


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=answer)


def data(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.mark.usefixtures("tree")
def test_every_command_answers_in_json() -> None:
    assert data("plan")["steps"] == ["0001_ledger"]
    assert data("up")["routines"] == ["ledger/f.sql"]
    assert data("status")["up_to_date"] is True
    assert data("verify")["holds"] is True
    assert [part["number"] for part in data("sql")["parts"]] == [1, 2, 3, 4]
    assert data("down", "--yes")["forgotten"] == ["ledger/f.sql"]


@pytest.mark.usefixtures("tree")
def test_every_command_answers_people() -> None:
    assert "0001_ledger/up.sql" in run("plan").stdout
    assert "0001_ledger" in run("up").stdout
    assert "nothing to do" in run("up").stdout
    assert "applied" in run("status").stdout
    assert "3 of 3 hold" in run("verify").stdout
    assert "-- Part 4 of 4" in run("sql").stdout
    assert "0001_ledger/down.sql" in run("plan", "--down").stdout


@pytest.mark.usefixtures("tree")
def test_down_asks_first() -> None:
    run("up")

    refused = run("down", answer="n\n")

    assert refused.exit_code == 2
    assert data("status")["up_to_date"] is True
    assert run("down", answer="y\n").exit_code == 0
    assert data("status")["up_to_date"] is False


def test_an_edited_step_ends_with_3_and_names_the_file(tree: Tree) -> None:
    run("up")
    tree.write("migrations/0001_ledger/up.sql", "SELECT 1;")

    assert [run(name).exit_code for name in ("plan", "up", "verify")] == [3, 3, 5]
    assert "migrations/0001_ledger/up.sql: was edited" in run("up").stderr
    assert data("up")["exit_code"] == 3


def test_a_failing_statement_ends_with_1(tree: Tree) -> None:
    tree.write("ledger/f.sql", "SELECT 1/0;")

    result = run("up")

    assert (result.exit_code, "division by zero" in result.stderr) == (1, True)


@pytest.mark.usefixtures("tree")
def test_a_database_that_cannot_be_reached_ends_with_6_and_keeps_the_password() -> None:
    result = run("status", "--database-url", "postgresql://u:s3cret@localhost:1/none")

    assert result.exit_code == 6
    assert "s3cret" not in result.output


def test_a_setting_that_cannot_be_read_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_LANES", "many")

    result = run("status")

    assert (result.exit_code, "BURSAR_LANES" in result.stderr) == (2, True)


@pytest.mark.usefixtures("tree")
def test_the_password_is_never_shown(empty_database: ScratchDatabase) -> None:
    password = empty_database.url.split(":")[2].split("@")[0]

    shown = "".join(
        run(*command).output for command in (["plan"], ["up"], ["status"], ["verify", "--json"])
    )

    assert empty_database.name in shown
    assert password not in shown


@pytest.mark.usefixtures("tree")
def test_verify_writes_a_record_and_sql_writes_its_parts(tmp_path: Path) -> None:
    run("up")
    run("verify", "--report", str(tmp_path / "record.json"), "--json")
    run("verify", "--report", str(tmp_path / "record.md"))
    run("sql", "--out", str(tmp_path / "parts"))

    assert json.loads((tmp_path / "record.json").read_text())["holds"] is True
    assert "- Result: everything holds" in (tmp_path / "record.md").read_text()
    assert len(list((tmp_path / "parts").glob("part_*.sql"))) == 4
