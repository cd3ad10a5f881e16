import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.migrate.lock import dump_schema
from bursar.ops.migrate.scratch_tree import Tree

FUNCTION = "CREATE OR REPLACE FUNCTION ledger.f() RETURNS int LANGUAGE sql AS $f$SELECT {}$f$"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step(
        "0001_ledger",
        "CREATE SCHEMA ledger;\nCREATE TABLE ledger.wallet (id int)",
        "DROP SCHEMA ledger CASCADE;",
        "DO $$ BEGIN ASSERT to_regclass('ledger.wallet') IS NOT NULL; END $$;",
    )
    made.step("0002_rewards", "CREATE SCHEMA rewards;", "DROP SCHEMA rewards CASCADE;")
    made.write("ledger/f.sql", FUNCTION.format(1) + " -- $text$")
    made.write("rewards/v.sql", "CREATE OR REPLACE VIEW rewards.v AS SELECT 'it''s' AS a;")
    return made


def psql(database: ScratchDatabase, sql: str) -> subprocess.CompletedProcess[str]:
    program = database.cluster.psql_path
    return subprocess.run(
        [program, "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", database.url],
        input=sql,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_all(database: ScratchDatabase, **options: Any) -> None:
    for part in migrate.offline_sql(**options):
        result = psql(database, part.sql)
        assert result.returncode == 0, f"{part.title}: {result.stderr}"


@pytest.mark.postgres_versions("15", "18")
def test_offline_sql_gives_the_schema_that_up_gives(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    with scratch_database(empty_database.cluster) as other:
        migrate.up(other.url, source=tree.source)

        run_all(empty_database, source=tree.source)

        assert dump_schema(empty_database) == dump_schema(other)
    assert migrate.status(empty_database.url, source=tree.source).up_to_date
    assert migrate.verify(empty_database.url, source=tree.source).holds


def test_parts_are_numbered_and_named(tree: Tree) -> None:
    parts = migrate.offline_sql(source=tree.source)

    assert [(part.number, part.title) for part in parts] == [
        (1, "the runner's memory and the start of a release"),
        (2, "step 0001_ledger"),
        (3, "step 0002_rewards"),
        (4, "routines of ledger"),
        (5, "routines of rewards"),
        (6, "verification, which changes nothing"),
    ]
    assert parts[1].sql.startswith("-- Part 2 of 6: step 0001_ledger.\n")


def test_what_was_applied_offline_can_be_taken_down_by_the_runner(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    run_all(empty_database, source=tree.source)

    report = migrate.down(empty_database.url, source=tree.source)

    assert [step.name for step in report.steps] == ["0002_rewards"]
    assert report.forgotten == ["rewards/v.sql"]
    with psycopg.connect(empty_database.url) as connection:
        assert connection.execute("SELECT ledger.f()").fetchone() == (1,)


def test_from_a_step_only_later_steps_are_written(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    migrate.up(empty_database.url, to=1, source=tree.source)

    run_all(empty_database, after=1, source=tree.source)

    assert migrate.status(empty_database.url, source=tree.source).up_to_date


def test_a_part_run_twice_or_too_early_says_so_and_changes_nothing(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    start, first, second, *_ = migrate.offline_sql(source=tree.source)
    assert psql(empty_database, start.sql).returncode == 0

    early = psql(empty_database, second.sql)
    assert psql(empty_database, first.sql).returncode == 0
    twice = psql(empty_database, first.sql)

    again = psql(empty_database, start.sql)

    assert "An earlier step is missing" in early.stderr
    assert "This was applied before" in twice.stderr
    assert "This was applied before" in again.stderr
    with psycopg.connect(empty_database.url) as connection:
        assert connection.execute("SELECT count(*) FROM bursar_meta.release").fetchone() == (1,)


def test_rooms_left_out_are_left_out_offline_too(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    run_all(empty_database, rooms=["ledger"], source=tree.source)

    status = migrate.status(empty_database.url, source=tree.source)

    assert [step.standing for step in status.steps] == ["applied", "left out"]
    assert status.up_to_date


def test_a_step_outside_a_transaction_works_offline(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.step(
        "0003_ledger_index",
        "-- transaction: none\nCREATE INDEX CONCURRENTLY wallet_id ON ledger.wallet (id);",
    )

    run_all(empty_database, source=tree.source)

    assert migrate.status(empty_database.url, source=tree.source).up_to_date
