import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.scratch_tree import Tree
from bursar.ops.migrate.session import LOCK_KEY
from tests.patience import PATIENCE_SECONDS

QUICK = migrate.Limits(lock_timeout_ms=100, runner_wait_ms=300, attempts=2, backoff_ms=10)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.step("0001_ledger", "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);")
    return made


@pytest.fixture
def connection(empty_database: ScratchDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_database.url, autocommit=True) as made:
        yield made


def value(connection: psycopg.Connection, sql: str) -> Any:
    row = connection.execute(sql.encode()).fetchone()
    return row and row[0]


def test_of_two_runs_at_once_one_applies_and_the_other_finds_nothing_to_do(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    tree.write("ledger/z.sql", "SELECT pg_sleep(0.5);")
    source = tree.source
    reports: list[migrate.Report] = []

    def run() -> None:
        reports.append(migrate.up(empty_database.url, source=source))

    threads = [threading.Thread(target=run) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert sorted(report.changed for report in reports) == [False, True]


def test_a_run_that_does_not_end_is_waited_for_with_a_limit(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))

        with pytest.raises(migrate.Busy, match=r"Another migration run .* more than 0.3 s"):
            migrate.up(empty_database.url, source=tree.source, limits=QUICK)


def test_a_lock_held_by_somebody_is_tried_again_and_then_said(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.step("0002_ledger_wide", "ALTER TABLE ledger.wallet ADD b int;")
    asked: list[Plan] = []
    with connection.transaction():
        connection.execute("LOCK TABLE ledger.wallet")

        with pytest.raises(migrate.Busy, match=r"(?s)0002_ledger_wide/up.sql.*after 2 tries"):
            migrate.up(
                empty_database.url, source=tree.source, limits=QUICK, before_change=asked.append
            )

    assert len(asked) == 2
    assert migrate.up(empty_database.url, source=tree.source, limits=QUICK).changed


def test_a_lock_that_is_let_go_in_time_is_no_error(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.step("0002_ledger_wide", "ALTER TABLE ledger.wallet ADD b int;")
    connection.execute("BEGIN")
    connection.execute("LOCK TABLE ledger.wallet")
    attempts: list[Plan] = []

    def let_go_at_the_second(plan: Plan) -> None:
        attempts.append(plan)
        if len(attempts) == 2:
            connection.execute("COMMIT")

    migrate.up(
        empty_database.url, source=tree.source, limits=QUICK, before_change=let_go_at_the_second
    )

    assert len(attempts) == 2


def test_a_statement_that_takes_too_long_is_stopped(
    empty_database: ScratchDatabase, tree: Tree
) -> None:
    migrate.up(empty_database.url, source=tree.source)
    tree.write("ledger/z.sql", "SELECT pg_sleep(600);")

    with pytest.raises(migrate.SqlFailed, match="statement timeout"):
        migrate.up(
            empty_database.url, source=tree.source, limits=migrate.Limits(statement_timeout_ms=1000)
        )


def test_a_run_killed_in_the_middle_leaves_nothing(
    empty_database: ScratchDatabase, connection: psycopg.Connection, tree: Tree
) -> None:
    tree.write("ledger/z.sql", "SELECT pg_terminate_backend(pg_backend_pid());")

    with pytest.raises(migrate.NotReached, match=r"ledger/z\.sql"):
        migrate.up(empty_database.url, source=tree.source)

    assert value(connection, "SELECT to_regnamespace('ledger')") is None
    tree.write("ledger/z.sql", "SELECT 1;")
    assert migrate.up(empty_database.url, source=tree.source).changed


def test_a_url_is_never_repeated(empty_database: ScratchDatabase, tree: Tree) -> None:
    for url in ("postgresql://u:s3cret@localhost:1/none", "postgresql://u:s3cret@[bad/"):
        with pytest.raises(migrate.NotReached) as caught:
            migrate.up(url, source=tree.source)
        assert "s3cret" not in f"{caught.value} {migrate.describe(url)}"
        assert caught.value.__cause__ is None
