from pathlib import Path

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.scratch_tree import Tree


@pytest.fixture
def tree(tmp_path: Path, empty_database: ScratchDatabase) -> Tree:
    made = Tree(tmp_path)
    made.step(
        "0001_ledger",
        "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);",
        verify="DO $$ BEGIN ASSERT to_regclass('ledger.wallet') IS NOT NULL, 'no wallet'; END $$;",
    )
    made.step("0002_rewards", "CREATE SCHEMA rewards;", verify="CREATE TABLE ledger.trace ();")
    made.write("ledger/f.sql", "SELECT 1;")
    migrate.up(empty_database.url, source=made.source)
    return made


def failures(database: ScratchDatabase, tree: Tree) -> dict[str, str]:
    verification = migrate.verify(database.url, source=tree.source)
    return {check.name: check.message for check in verification.checks if not check.holds}


def test_a_schema_as_in_the_files_holds(empty_database: ScratchDatabase, tree: Tree) -> None:
    """The name of a table that the second verify.sql makes would be taken if it had stayed."""
    with psycopg.connect(empty_database.url) as connection:
        connection.execute("DROP TABLE ledger.trace")

    verification = migrate.verify(empty_database.url, source=tree.source)

    assert verification.holds
    assert len(verification.checks) == 5
    assert migrate.verify(empty_database.url, source=tree.source).holds


def test_every_failure_is_found_and_not_only_the_first(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    with psycopg.connect(empty_database.url) as connection:
        connection.execute("DROP TABLE ledger.wallet")
    tree.write("migrations/0001_ledger/up.sql", "SELECT 1;")
    tree.step("0003_claims", "SELECT 3;")
    tree.write("ledger/f.sql", "SELECT 2;")
    tree.write("ledger/g.sql", "SELECT 2;")

    found = failures(empty_database, tree)

    assert "was edited" in found["migrations/0001_ledger/up.sql"]
    assert found["migrations/0003_claims/up.sql"] == "is not applied."
    assert found["ledger/f.sql"] == "is in force with another text."
    assert found["ledger/g.sql"] == "is not applied."
    assert "no wallet" in found["migrations/0001_ledger/verify.sql"]
    assert "already exists" in found["migrations/0002_rewards/verify.sql"]
