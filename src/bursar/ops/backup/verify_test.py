"""Where a backup is verified: on the live server, on one started for it, on one that is named."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.backup import BackupError, take_backup, verify_backup
from bursar.settings import Settings
from tests.store import person


@pytest.fixture(scope="module")
def books(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """A database with a role that no other server has."""
    with scratch_database(cluster, template) as made:
        with made.connect() as connection:
            person(connection, 10)
            role = sql.Identifier(f"{made.name}_reader")
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
            connection.execute(sql.SQL("GRANT SELECT ON bursar.entry TO {}").format(role))
        yield made
        with made.connect() as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def backup(books: ScratchDatabase, tmp_path: Path) -> Path:
    """A backup of it."""
    return take_backup(books.url, tmp_path).path


def test_while_the_database_is_away_a_server_is_started_for_it(backup: Path) -> None:
    stages: list[str] = []
    nowhere = "postgresql://nobody@/bursar?host=/nonexistent"

    verified = verify_backup(backup, nowhere, Settings(), on_stage=stages.append)

    assert verified.verification.findings == []
    assert "Starting a scratch server" in stages


def test_on_the_live_server_no_other_server_is_started(
    books: ScratchDatabase, backup: Path
) -> None:
    stages: list[str] = []

    verified = verify_backup(backup, books.url, Settings(), on_stage=stages.append)

    assert verified.verification.findings == []
    assert "Starting a scratch server" not in stages


@pytest.mark.postgres_versions("15")
def test_a_named_server_that_is_too_old_is_told(
    cluster: Cluster, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = backup.with_name(f"{backup.name}.json")
    text = manifest.read_text()
    assert '"server_version": "15' in text
    manifest.write_text(text.replace('"server_version": "15', '"server_version": "18'))

    with pytest.raises(BackupError, match="and the server of --scratch is PostgreSQL 15"):
        verify_backup(backup, "", Settings(), scratch_url=make_conninfo(cluster.url()))


def test_a_backup_that_was_moved_with_its_manifest_is_still_verified(
    books: ScratchDatabase, backup: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "safe" / "of_today.dump"
    moved.parent.mkdir()
    shutil.move(backup, moved)
    shutil.move(backup.with_name(f"{backup.name}.json"), moved.with_name("of_today.dump.json"))

    assert verify_backup(moved, books.url, Settings()).verification.verified
