"""The files for `supabase/migrations`, run one after the other as psql and as the CLI would."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.migrate import supabase_files
from bursar.ops.migrate.lock import LOCK_FILE, dump_schema
from bursar.ops.migrate.scratch_tree import Tree
from bursar.ops.migrate.supabase_files import FILE_BYTES_MAX, write_supabase_files

LOCKED = Path(__file__).parents[4] / LOCK_FILE
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path / "tree")
    made.step("0001_ledger", "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);")
    made.step(
        "0002_ledger_ids",
        "ALTER TABLE ledger.wallet ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;",
        concurrent=(
            "CREATE INDEX CONCURRENTLY wallet_id ON ledger.wallet (id);"
            "ALTER TABLE ledger.wallet VALIDATE CONSTRAINT positive;"
        ),
    )
    return made


def run_all(database: ScratchDatabase, files: list[Path]) -> None:
    for file in files:
        done = subprocess.run(
            [
                *(database.cluster.psql_path, "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"),
                *("-d", database.url, "-f", str(file)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{file.name}: {done.stderr}"


def test_our_own_files_give_the_locked_schema(
    empty_database: ScratchDatabase, tmp_path: Path
) -> None:
    files = write_supabase_files(migrate.offline_sql(one_transaction=True), tmp_path, now=NOON)

    assert sorted(files) == files
    assert files[0].name.startswith("20261102120000_bursar_")
    assert max(file.stat().st_size for file in files) <= FILE_BYTES_MAX
    run_all(empty_database, files)

    assert migrate.verify(empty_database.url).holds
    dumped = dump_schema(empty_database)
    assert LOCKED.read_text("utf-8").endswith(dumped)


def test_files_come_after_those_that_are_there(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "20270101000000_theirs.sql").write_text("SELECT 1;", "utf-8")

    files = write_supabase_files(migrate.offline_sql(source=tree.source), tmp_path, now=NOON)

    assert files[0].name.startswith("20270101000001_")
    assert [file.name[:14] for file in files] == sorted({file.name[:14] for file in files})


def test_what_runs_apart_may_be_put_into_a_transaction(
    empty_database: ScratchDatabase, tmp_path: Path, tree: Tree
) -> None:
    parts = migrate.offline_sql(source=tree.source, one_transaction=True)
    files = write_supabase_files(parts, tmp_path, now=NOON)

    for file in files:  # As an editor sends it: all of it at once.
        with psycopg.connect(empty_database.url, autocommit=True) as connection:
            connection.execute(file.read_bytes())

    assert migrate.verify(empty_database.url, source=tree.source).holds
    with scratch_database(empty_database.cluster) as other:
        migrate.up(other.url, source=tree.source)
        assert dump_schema(other) == dump_schema(empty_database)


def test_an_index_that_was_left_invalid_is_made_again(
    empty_database: ScratchDatabase, tmp_path: Path, tree: Tree
) -> None:
    parts = migrate.offline_sql(source=tree.source, one_transaction=True)
    files = write_supabase_files(parts, tmp_path, now=NOON)
    building = next(n for n, file in enumerate(files) if "builds" in file.name)
    run_all(empty_database, files[:building])
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.execute("CREATE INDEX wallet_id ON ledger.wallet (id)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ledger.wallet_id'::regclass"
        )

    run_all(empty_database, files[building:])

    assert migrate.verify(empty_database.url, source=tree.source).holds


def test_a_part_that_is_too_large_is_refused(
    tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supabase_files, "FILE_BYTES_MAX", 100)

    with pytest.raises(migrate.SourceInvalid, match="too many"):
        write_supabase_files(migrate.offline_sql(source=tree.source), tmp_path, now=NOON)
