from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.scratch_tree import Tree

FUNCTION = "CREATE OR REPLACE FUNCTION ledger.f() RETURNS int LANGUAGE sql AS 'SELECT {}';"
Ask = Callable[[], int]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step(
        "0001_ledger",
        "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);",
        "DROP SCHEMA ledger CASCADE;",
    )
    made.write("ledger/f.sql", FUNCTION.format(1))
    return made


@pytest.fixture
def ask(empty_database: ScratchDatabase) -> Ask:
    def answer() -> int:
        with psycopg.connect(empty_database.url) as connection:
            row = connection.execute("SELECT ledger.f()").fetchone()
            assert row is not None
            result: int = row[0]
            return result

    return answer


def add_second_step(tree: Tree) -> None:
    tree.step(
        "0002_ledger_wide",
        "ALTER TABLE ledger.wallet ADD b int;",
        "DROP FUNCTION IF EXISTS ledger.g(); ALTER TABLE ledger.wallet DROP b;",
    )


@pytest.mark.postgres_versions("15", "18")
def test_down_restores_the_text_a_routine_had_before_the_release(
    empty_database: ScratchDatabase, tree: Tree, ask: Ask
) -> None:
    url = empty_database.url
    migrate.up(url, source=tree.source)
    tree.write("ledger/f.sql", FUNCTION.format(2))
    migrate.up(url, source=tree.source)
    add_second_step(tree)
    tree.write("ledger/f.sql", FUNCTION.format(3))
    migrate.up(url, source=tree.source)
    tree.write("ledger/f.sql", FUNCTION.format(4))
    migrate.up(url, source=tree.source)
    assert ask() == 4

    report = migrate.down(url, source=tree.source)

    assert ask() == 2
    assert ([step.number for step in report.steps], report.routines) == ([2], ["ledger/f.sql"])
    assert not migrate.status(url, source=tree.source).up_to_date
    migrate.up(url, source=tree.source)
    assert ask() == 4
    assert migrate.verify(url, source=tree.source).holds


def test_a_routine_that_came_with_the_undone_step_is_not_brought_back(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    url = empty_database.url
    migrate.up(url, source=tree.source)
    before = tree.source
    add_second_step(tree)
    tree.write("ledger/g.sql", FUNCTION.format(9).replace(".f()", ".g()"))
    migrate.up(url, source=tree.source)

    report = migrate.down(url, source=tree.source)

    assert (report.forgotten, report.routines) == (["ledger/g.sql"], ["ledger/f.sql"])
    assert migrate.status(url, source=before).up_to_date
    assert migrate.up(url, source=tree.source).routines == ["ledger/f.sql", "ledger/g.sql"]


def test_a_file_that_a_release_removed_comes_back(
    empty_database: ScratchDatabase, tree: Tree, ask: Ask
) -> None:
    url = empty_database.url
    tree.write("ledger/g.sql", "SELECT 1;")
    migrate.up(url, source=tree.source)
    tree.step("0002_ledger_less", "DROP FUNCTION ledger.f();")
    tree.remove("ledger/f.sql")
    migrate.up(url, source=tree.source)

    migrate.down(url, source=tree.source)

    assert ask() == 1


def test_steps_of_one_release_undone_in_part_keep_the_routines_that_stay(
    empty_database: ScratchDatabase, tree: Tree, ask: Ask
) -> None:
    url = empty_database.url
    tree.step("0002_rewards", "CREATE SCHEMA rewards;", "DROP SCHEMA rewards CASCADE;")
    tree.write("rewards/g.sql", "CREATE FUNCTION rewards.g() RETURNS int RETURN 1;")
    migrate.up(url, source=tree.source)
    tree.write("ledger/f.sql", FUNCTION.format(2))
    migrate.up(url, source=tree.source)

    plan = migrate.plan_down(url, source=tree.source)
    report = migrate.down(url, source=tree.source)

    assert ask() == 2
    assert len(plan.notes) == 1
    assert (report.forgotten, report.routines) == (["rewards/g.sql"], [])
    assert migrate.up(url, source=tree.source).routines == ["rewards/g.sql"]


def test_down_to_nothing_and_up_again(
    empty_database: ScratchDatabase, tree: Tree, ask: Ask
) -> None:
    url = empty_database.url
    add_second_step(tree)
    migrate.up(url, source=tree.source)

    report = migrate.down(url, to=0, source=tree.source)

    assert [step.number for step in report.steps] == [2, 1]
    assert not migrate.down(url, source=tree.source).changed
    migrate.up(url, source=tree.source)
    assert ask() == 1


def test_a_down_that_fails_changes_nothing(
    empty_database: ScratchDatabase, tree: Tree, ask: Ask
) -> None:
    url = empty_database.url
    add_second_step(tree)
    migrate.up(url, source=tree.source)
    tree.write("migrations/0001_ledger/down.sql", "DROP SCHEMA ledger;")

    with pytest.raises(migrate.SqlFailed, match=r"0001_ledger/down.sql.*2BP01"):
        migrate.down(url, to=0, source=tree.source)

    assert ask() == 1
    assert migrate.status(url, source=tree.source).up_to_date


def test_what_stays_is_verified_on_the_way_down(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    url = empty_database.url
    add_second_step(tree)
    tree.write("migrations/0001_ledger/verify.sql", "SELECT 1 FROM ledger.wallet;")
    tree.write("migrations/0002_ledger_wide/down.sql", "DROP TABLE ledger.wallet;")
    migrate.up(url, source=tree.source)

    with pytest.raises(migrate.SqlFailed, match=r"0001_ledger/verify.sql"):
        migrate.down(url, source=tree.source)


def test_the_way_back_to_a_step_that_is_not_in_force_is_refused(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)

    with pytest.raises(migrate.SourceInvalid, match="Step 0007 is not in force"):
        migrate.down(empty_database.url, to=7, source=tree.source)


def test_an_edited_step_is_not_undone(empty_database: ScratchDatabase, tree: Tree) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.write("migrations/0001_ledger/up.sql", "SELECT 1;")

    with pytest.raises(migrate.SourceDiffers, match="was edited"):
        migrate.down(empty_database.url, source=tree.source)
