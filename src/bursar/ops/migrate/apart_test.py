import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.scratch_tree import Tree

TABLE = (
    "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);"
    " INSERT INTO ledger.wallet SELECT generate_series(1, 2000);"
)
CHECK = "ALTER TABLE ledger.wallet ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;"
APART = """
    -- What readers want; nobody waits for it.
    CREATE UNIQUE INDEX CONCURRENTLY wallet_id ON ledger.wallet (id);
    ALTER TABLE ledger.wallet VALIDATE CONSTRAINT positive;
"""
STATE = """
    SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ledger.wallet_id')),
        (SELECT convalidated FROM pg_constraint WHERE conname = 'positive')
"""
LIMITS = migrate.Limits(lock_timeout_ms=300, runner_wait_ms=400, attempts=2, backoff_ms=10)
PROGRAM = """
import sys
from pathlib import Path
from bursar.ops import migrate
migrate.up(sys.argv[1], source=migrate.Source.load(Path(sys.argv[2])))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step("0001_ledger", TABLE, "DROP SCHEMA ledger CASCADE;")
    made.step(
        "0002_ledger_ids",
        CHECK,
        "ALTER TABLE ledger.wallet DROP CONSTRAINT positive; DROP INDEX IF EXISTS"
        " ledger.wallet_id;",
        concurrent=APART,
    )
    return made


@pytest.fixture
def connection(empty_database: ScratchDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database.url, autocommit=True) as made:
        yield made


@contextmanager
def old_snapshot(database: ScratchDatabase) -> Iterator[None]:
    """Have somebody read in a long transaction: a build waits for its end before it is valid."""
    with psycopg.connect(database.url) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT 1")
        yield


def findings(database: ScratchDatabase, tree: Tree) -> list[str]:
    found = migrate.verify(database.url, source=tree.source)
    return [check.message for check in found.checks if not check.holds]


@pytest.mark.postgres_versions("15", "18")
def test_it_is_done_after_the_transaction_and_only_once(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    planned = migrate.plan(empty_database.url, source=tree.source)
    report = migrate.up(empty_database.url, source=tree.source)

    assert [one.title for one in planned.apart] == report.apart
    assert report.apart == [
        "builds ledger.wallet_id",
        "validates positive of ledger.wallet",
    ]
    assert connection.execute(STATE).fetchone() == (True, True)
    assert migrate.verify(empty_database.url, source=tree.source).holds
    assert not migrate.up(empty_database.url, source=tree.source).changed


def test_an_index_that_is_missing_or_invalid_is_found_and_made_again(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    connection.execute("DROP INDEX ledger.wallet_id")
    assert findings(empty_database, tree) == ["ledger.wallet_id is missing."]
    # As an interrupted build leaves it: two rows alike, and the second phase fails.
    connection.execute("INSERT INTO ledger.wallet VALUES (7)")
    with pytest.raises(migrate.SqlFailed, match="could not create unique index"):
        migrate.up(empty_database.url, source=tree.source)
    assert connection.execute(STATE).fetchone() == (False, True)
    [finding] = findings(empty_database, tree)
    assert finding.startswith("ledger.wallet_id is invalid")

    connection.execute(
        "DELETE FROM ledger.wallet WHERE ctid = (SELECT max(ctid) FROM ledger.wallet)"
    )
    report = migrate.up(empty_database.url, source=tree.source)

    assert report.apart == ["builds ledger.wallet_id"]
    assert findings(empty_database, tree) == []


def test_an_old_transaction_makes_it_give_up_and_the_rest_stays(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, to=1, source=tree.source)
    with old_snapshot(empty_database):
        with pytest.raises(migrate.Busy):
            migrate.up(empty_database.url, source=tree.source, limits=LIMITS)
        # Meanwhile everybody writes.
        connection.execute("INSERT INTO ledger.wallet VALUES (9999)")
        steps = migrate.status(empty_database.url, source=tree.source).steps
        assert [step.standing for step in steps] == ["applied", "applied"]
    migrate.up(empty_database.url, source=tree.source)

    assert connection.execute(STATE).fetchone() == (True, True)


def test_killed_while_it_builds_it_is_taken_up(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, to=1, source=tree.source)
    with old_snapshot(empty_database):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, empty_database.url, str(tree.root)]
        )
        deadline = time.monotonic() + 60
        while connection.execute(STATE).fetchone() != (False, False):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    # The server goes on building, and ends when the other transaction does.
    migrate.up(empty_database.url, source=tree.source)

    assert connection.execute(STATE).fetchone() == (True, True)
    assert findings(empty_database, tree) == []


def test_what_might_block_or_not_bear_repetition_is_refused(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    for statement in (
        "CREATE INDEX wallet_id ON ledger.wallet (id);",
        "CREATE INDEX CONCURRENTLY wallet_id ON wallet (id);",
        "UPDATE ledger.wallet SET id = 1;",
    ):
        tree.write("migrations/0002_ledger_ids/concurrent.sql", statement)
        with pytest.raises(migrate.SourceInvalid, match="has no place there"):
            migrate.up(empty_database.url, source=tree.source)


def test_an_edited_definition_is_refused(empty_database: ScratchDatabase, tree: Tree) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.write("migrations/0002_ledger_ids/concurrent.sql", APART.replace("(id)", "(id DESC)"))

    with pytest.raises(migrate.SourceDiffers, match="was edited"):
        migrate.up(empty_database.url, source=tree.source)


def test_down_takes_it_back_and_up_makes_it_again(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    migrate.down(empty_database.url, source=tree.source)
    assert connection.execute(STATE).fetchone() == (None, None)

    assert len(migrate.up(empty_database.url, source=tree.source).apart) == 2
