from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.scratch_tree import Tree

TABLE = "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);"
FUNCTION = "CREATE OR REPLACE FUNCTION ledger.f() RETURNS int LANGUAGE sql AS 'SELECT {}';"
VERIFIED = "DO $$ BEGIN ASSERT to_regclass('ledger.wallet') IS NOT NULL, 'no wallet'; END $$;"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step("0001_ledger", TABLE, "DROP SCHEMA ledger CASCADE;", VERIFIED)
    made.write("ledger/f.sql", FUNCTION.format(1))
    return made


@pytest.fixture
def connection(empty_database: ScratchDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database.url, autocommit=True) as made:
        yield made


def value(connection: psycopg.Connection, sql: str) -> Any:
    row = connection.execute(sql.encode()).fetchone()
    return row and row[0]


@pytest.mark.postgres_versions("15", "18")
def test_up_applies_verifies_and_remembers(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    report = migrate.up(empty_database.url, source=tree.source)

    assert [step.name for step in report.steps] == ["0001_ledger"]
    assert (report.routines, report.verified) == (["ledger/f.sql"], ["0001_ledger"])
    assert value(connection, "SELECT ledger.f()") == 1
    assert migrate.status(empty_database.url, source=tree.source).up_to_date
    assert migrate.plan(empty_database.url, source=tree.source).empty


def test_a_second_up_finds_nothing_to_do(empty_database: ScratchDatabase, tree: Tree) -> None:
    migrate.up(empty_database.url, source=tree.source)

    assert not migrate.up(empty_database.url, source=tree.source).changed


def test_plan_and_status_leave_an_untouched_database_untouched(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    plan = migrate.plan(empty_database.url, source=tree.source)
    status = migrate.status(empty_database.url, source=tree.source)

    assert [step.name for step in plan.steps] == ["0001_ledger"]
    assert [step.standing for step in status.steps] == ["pending"]
    assert value(connection, "SELECT to_regnamespace('bursar_meta')") is None


def test_a_changed_routine_is_applied_and_takes_along_what_requires_it(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.write("ledger/g.sql", "-- requires: ledger/f.sql\nSELECT 1;")
    tree.write("ledger/h.sql", "-- requires: ledger/g.sql\nSELECT 1;")
    tree.write("ledger/i.sql", "SELECT 1;")
    migrate.up(empty_database.url, source=tree.source)
    tree.write("ledger/f.sql", FUNCTION.format(2))

    plan = migrate.plan(empty_database.url, source=tree.source)
    report = migrate.up(empty_database.url, source=tree.source)

    assert [(item.routine.path, item.reason) for item in plan.routines] == [
        ("ledger/f.sql", "changed"),
        ("ledger/g.sql", "requires ledger/f.sql"),
        ("ledger/h.sql", "requires ledger/g.sql"),
    ]
    assert report.routines == [item.routine.path for item in plan.routines]


def test_a_step_has_the_routines_of_its_room_applied_again(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    """A step may have to drop a view to change its table; the view's own file is unchanged."""
    tree.write("ledger/v.sql", "CREATE OR REPLACE VIEW ledger.v AS SELECT * FROM ledger.wallet;")
    migrate.up(empty_database.url, source=tree.source)
    tree.step("0002_ledger_wide", "DROP VIEW ledger.v; ALTER TABLE ledger.wallet ADD b int;")

    migrate.up(empty_database.url, source=tree.source)

    assert value(connection, "SELECT count(*) FROM ledger.v") == 0


def test_an_edited_step_is_refused_and_named(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.write("migrations/0001_ledger/up.sql", TABLE + " -- better")
    tree.step("0002_ledger_more", "CREATE TABLE ledger.more (id int);")

    with pytest.raises(migrate.SourceDiffers, match=r"0001_ledger/up.sql: was edited") as caught:
        migrate.up(empty_database.url, source=tree.source)

    assert caught.value.exit_code == 3
    assert value(connection, "SELECT to_regclass('ledger.more')") is None


def test_a_step_of_another_release_is_refused(empty_database: ScratchDatabase, tree: Tree) -> None:
    old = tree.source
    tree.step("0002_ledger_more", "SELECT 1;")
    migrate.up(empty_database.url, source=tree.source)

    with pytest.raises(migrate.SourceDiffers, match=r"0002_ledger_more/up.sql: is in force, but"):
        migrate.up(empty_database.url, source=old)


def test_a_step_numbered_before_one_in_force_is_refused(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.step("0003_ledger_third", "SELECT 3;")
    migrate.up(empty_database.url, source=tree.source)
    tree.step("0002_ledger_second", "SELECT 2;")

    with pytest.raises(migrate.SourceDiffers, match="comes before 0003_ledger_third"):
        migrate.up(empty_database.url, source=tree.source)


@pytest.mark.parametrize("broken", ["verify", "routine", "step"])
def test_whatever_fails_rolls_everything_back(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree, broken: str
) -> None:
    failing = "SELECT 1;\nDO $$ BEGIN ASSERT false, 'it does not hold'; END $$;"
    path = {
        "verify": "migrations/0001_ledger/verify.sql",
        "routine": "ledger/z.sql",
        "step": "migrations/0002_ledger_last/up.sql",
    }[broken]
    tree.step("0002_ledger_last", "CREATE TABLE ledger.last (id int);")
    tree.write(path, failing)

    with pytest.raises(migrate.SqlFailed, match=f"(?s){path}.*it does not hold"):
        migrate.up(empty_database.url, source=tree.source)

    assert value(connection, "SELECT to_regnamespace('ledger')") is None
    assert value(connection, "SELECT to_regnamespace('bursar_meta')") is None


def test_a_failing_statement_is_named_with_its_line(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.write("ledger/z.sql", "SELECT 'é';\n\nSELECT * FROM ledger.nowhere;\n")

    with pytest.raises(migrate.SqlFailed, match=r"ledger/z.sql:3: .*nowhere.* \(42P01\)"):
        migrate.up(empty_database.url, source=tree.source)


def test_every_name_must_be_qualified(empty_database: ScratchDatabase, tree: Tree) -> None:
    tree.step("0002_ledger_loose", "CREATE TABLE loose (id int);")

    with pytest.raises(migrate.SqlFailed, match="no schema has been selected"):
        migrate.up(empty_database.url, source=tree.source)


def test_a_commit_inside_a_file_is_refused(empty_database: ScratchDatabase, tree: Tree) -> None:
    tree.write("ledger/z.sql", "COMMIT; BEGIN;")

    with pytest.raises(migrate.SqlFailed, match="COMMIT has no place"):
        migrate.up(empty_database.url, source=tree.source)


def test_up_to_a_step_leaves_later_steps_and_their_routines_waiting(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.step("0002_rewards", "CREATE SCHEMA rewards; CREATE TABLE rewards.reward (id int);")
    tree.write("rewards/v.sql", "CREATE VIEW rewards.v AS SELECT * FROM rewards.reward;")

    plan = migrate.plan(empty_database.url, to=1, source=tree.source)
    report = migrate.up(empty_database.url, to=1, source=tree.source)

    assert plan.waiting == ("rewards/v.sql",)
    assert ([step.number for step in report.steps], report.routines) == ([1], ["ledger/f.sql"])
    assert migrate.up(empty_database.url, source=tree.source).routines == ["rewards/v.sql"]


def test_rooms_can_be_left_out_and_the_choice_is_kept(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    tree.step("0002_rewards", "CREATE SCHEMA rewards;")
    tree.step("0003_claims", "CREATE SCHEMA claims;")
    tree.write("claims/f.sql", "SELECT 1;")

    migrate.up(empty_database.url, rooms=["rewards"], source=tree.source)
    again = migrate.up(empty_database.url, source=tree.source)
    status = migrate.status(empty_database.url, source=tree.source)

    assert not again.changed
    assert [step.standing for step in status.steps] == ["applied", "applied", "left out"]
    assert status.up_to_date
    assert value(connection, "SELECT to_regnamespace('claims')") is None
    report = migrate.up(empty_database.url, rooms=["claims"], source=tree.source)
    assert [step.name for step in report.steps] == ["0003_claims"]
    assert report.routines == ["claims/f.sql"]


def test_an_installed_room_stays_in_step_when_another_is_chosen(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.step("0002_rewards", "CREATE SCHEMA rewards;")
    tree.step("0003_claims", "CREATE SCHEMA claims;")
    tree.write("rewards/f.sql", "SELECT 1;")
    migrate.up(empty_database.url, rooms=["rewards"], source=tree.source)
    tree.write("rewards/f.sql", "SELECT 2;")

    report = migrate.up(empty_database.url, rooms=["claims"], source=tree.source)

    assert report.routines == ["rewards/f.sql"]


def test_a_room_that_does_not_exist_is_refused(empty_database: ScratchDatabase, tree: Tree) -> None:
    with pytest.raises(migrate.SourceInvalid, match="There is no room rewardz; there are ledger"):
        migrate.up(empty_database.url, rooms=["rewardz"], source=tree.source)


def test_a_removed_file_is_forgotten_but_nothing_is_dropped(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.remove("ledger/f.sql")

    report = migrate.up(empty_database.url, source=tree.source)

    assert report.forgotten == ["ledger/f.sql"]
    assert value(connection, "SELECT ledger.f()") == 1
    assert migrate.status(empty_database.url, source=tree.source).up_to_date


def test_what_is_asked_before_a_change_can_refuse_it(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    def refuse(plan: Plan) -> None:
        raise migrate.MigrationError(f"No {len(plan.steps)} step today.")

    with pytest.raises(migrate.MigrationError, match="No 1 step today"):
        migrate.up(empty_database.url, source=tree.source, before_change=refuse)

    assert value(connection, "SELECT to_regnamespace('ledger')") is None


def test_a_step_without_transaction_may_build_an_index_concurrently(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    tree.step(
        "0002_ledger_index",
        "-- transaction: none\n"
        "DROP INDEX CONCURRENTLY IF EXISTS ledger.wallet_id;\n"
        "CREATE INDEX CONCURRENTLY wallet_id ON ledger.wallet (id);\n",
    )
    tree.step("0003_ledger_more", "CREATE TABLE ledger.more (id int);")

    report = migrate.up(empty_database.url, source=tree.source)

    assert [step.number for step in report.steps] == [1, 2, 3]
    assert report.verified == ["0001_ledger", "0002_ledger_index", "0003_ledger_more"]
    assert value(connection, "SELECT to_regclass('ledger.wallet_id')") is not None
    assert migrate.status(empty_database.url, source=tree.source).up_to_date


def test_an_owner_who_is_no_superuser_can_migrate(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    owner = f"owner_of_{empty_database.name}"
    connection.execute(f"CREATE ROLE {owner} LOGIN".encode())
    connection.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {owner}".encode())
    empty_database.cluster.give_password(owner)
    try:
        url = empty_database.cluster.url(owner, empty_database.name)

        migrate.up(url, source=tree.source)

        assert migrate.status(url, source=tree.source).steps[0].applied_by == owner
        assert migrate.verify(url, source=tree.source).holds
    finally:
        connection.execute(f"REASSIGN OWNED BY {owner} TO CURRENT_USER".encode())
        connection.execute(f"DROP ROLE {owner}".encode())
