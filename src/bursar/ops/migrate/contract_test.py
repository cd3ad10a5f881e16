"""Expand, then contract: between the two, the old application works as the new one does."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.scratch_tree import Tree

CONTRACT = "-- bursar: contract\nALTER TABLE shop.item DROP COLUMN title;"
# What an application of the release before does, and one of this release.
OLD = "INSERT INTO shop.item (title) VALUES ('old'); SELECT title FROM shop.item"
NEW = "INSERT INTO shop.item (name) VALUES ('new'); SELECT shop.names()"
EXPAND = """
    ALTER TABLE shop.item ADD COLUMN name text;
    ALTER TABLE shop.item ALTER COLUMN title DROP NOT NULL;
"""
NAMES = """
    CREATE OR REPLACE FUNCTION shop.names() RETURNS bigint LANGUAGE plpgsql
    AS $$ BEGIN RETURN (SELECT count(name) FROM shop.item); END $$;
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """The release before: one step of the ledger and one of the shop."""
    made = Tree(tmp_path)
    made.step("0001_ledger", "CREATE SCHEMA ledger;", "DROP SCHEMA ledger CASCADE;")
    made.step(
        "0002_shop",
        "CREATE SCHEMA shop; CREATE TABLE shop.item (title text NOT NULL);",
        "DROP SCHEMA shop CASCADE;",
    )
    return made


@pytest.fixture
def connection(empty_database: ScratchDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database.url, autocommit=True) as made:
        yield made


def release(tree: Tree) -> None:
    """This release: it expands, contracts, and has a function for the new application."""
    tree.step("0003_shop_name", EXPAND, "ALTER TABLE shop.item DROP COLUMN name;")
    tree.step("0004_shop_title", CONTRACT, "ALTER TABLE shop.item ADD COLUMN title text;")
    tree.write("shop/names.sql", NAMES)


def standings(database: ScratchDatabase, tree: Tree) -> list[str]:
    return [step.standing for step in migrate.status(database.url, source=tree.source).steps]


def test_between_expand_and_contract_both_applications_work(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    url = empty_database.url
    migrate.up(url, source=tree.source)
    connection.execute(OLD)
    release(tree)

    report = migrate.up(url, source=tree.source)

    assert [step.name for step in report.steps] == ["0003_shop_name"]
    assert report.routines == ["shop/names.sql"]
    connection.execute(OLD)
    connection.execute(NEW)
    assert standings(empty_database, tree) == ["applied", "applied", "applied", "contract"]
    assert migrate.verify(url, source=tree.source).holds
    assert migrate.status(url, source=tree.source).up_to_date
    assert not migrate.up(url, source=tree.source).changed

    assert [step.name for step in migrate.plan(url, source=tree.source).held] == ["0004_shop_title"]
    report = migrate.up(url, source=tree.source, contract=True)

    assert [step.name for step in report.steps] == ["0004_shop_title"]
    connection.execute(NEW)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute(OLD)
    assert migrate.verify(url, source=tree.source).holds


def test_what_follows_a_contract_waits_behind_it(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    release(tree)
    tree.step("0005_shop_more", "CREATE TABLE shop.more ();")
    tree.step("0006_ledger_more", "CREATE TABLE ledger.more ();")

    plan = migrate.plan(empty_database.url, source=tree.source)
    report = migrate.up(empty_database.url, source=tree.source)

    assert [step.name for step in plan.held] == ["0004_shop_title", "0005_shop_more"]
    assert [step.name for step in report.steps] == ["0003_shop_name", "0006_ledger_more"]
    assert report.routines == []
    assert plan.waiting == ("shop/names.sql",)
    assert not migrate.status(empty_database.url, source=tree.source).up_to_date


def test_a_room_that_is_new_is_installed_with_its_contracts(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    release(tree)

    migrate.up(empty_database.url, source=tree.source)

    assert standings(empty_database, tree) == ["applied"] * 4


def test_offline_sql_leaves_contracts_out_unless_they_are_asked_for(tree: Tree) -> None:
    release(tree)

    def titles(*, contract: bool = False) -> list[str]:
        parts = migrate.offline_sql(after=2, contract=contract, source=tree.source)
        return [part.title for part in parts if part.title.startswith("step ")]

    assert titles() == ["step 0003_shop_name"]
    assert titles(contract=True) == ["step 0003_shop_name", "step 0004_shop_title"]
