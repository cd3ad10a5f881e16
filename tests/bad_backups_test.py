"""Every kind of damaged backup is told in its own words, and neither verified nor restored."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bursar.db.binaries import find_binary
from bursar.db.embedded import Cluster
from bursar.db.libpq import libpq_environment
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.backup import (
    BackupDamaged,
    BackupError,
    list_backups,
    prepare,
    restore,
    take_backup,
    verify_backup,
)
from bursar.ops.backup.archive import open_archive
from bursar.ops.scratch import database_on
from bursar.settings import Settings
from tests.bad_backups import BAD, Bad, Good, flipped, manifest_of, rewrite
from tests.store import person

SETTINGS = Settings()
Dump = Callable[..., None]


@pytest.fixture(scope="module")
def books(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """A database with a few credits in it."""
    with scratch_database(cluster, template) as made:
        with made.connect() as connection:
            for amount in (10, 20, 30):
                person(connection, amount)
        yield made


@pytest.fixture(scope="module")
def good(books: ScratchDatabase, tmp_path_factory: pytest.TempPathFactory) -> Good:
    """Two good backups of it, and one of its schema."""
    directory = tmp_path_factory.mktemp("backups")
    first = take_backup(books.url, directory).path
    with books.connect() as connection:
        person(connection, 40)
    second = take_backup(books.url, directory).path
    return Good(first, second, take_backup(books.url, directory, schema_only=True).path)


@pytest.fixture(scope="module")
def pg_dump(books: ScratchDatabase) -> Dump:
    """How to dump that database otherwise than a backup does."""

    def dump(path: Path, *options: str) -> None:
        program = find_binary("pg_dump", major_version_min=18)
        subprocess.run(
            [program, "--format=custom", f"--file={path}", *options],
            env=libpq_environment(books.url),
            check=True,
        )

    return dump


@pytest.fixture
def scratches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the scratch databases that a test makes, as it makes them."""
    names: list[str] = []

    @contextlib.contextmanager
    def noted(url: str, purpose: str) -> Iterator[str]:
        with database_on(url, purpose) as made:
            names.append(str(conninfo_to_dict(made)["dbname"]))
            yield made

    monkeypatch.setattr("bursar.ops.backup.verify.database_on", noted)
    return names


def left_behind(database: ScratchDatabase, scratches: list[str]) -> list[str]:
    """Which of them are still there, or any copy of the database itself."""
    with psycopg.connect(database.cluster.url()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = ANY (%s) OR starts_with(datname, %s)",
            [scratches, f"{database.name}_"],
        ).fetchall()
    return [name for (name,) in rows]


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(BackupError) as raised:
        work()
    return str(raised.value)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_damaged_backup_is_told_in_its_own_words(
    bad: Bad,
    good: Good,
    pg_dump: Dump,
    books: ScratchDatabase,
    scratches: list[str],
    tmp_path: Path,
) -> None:
    path = bad.make(good.copy(tmp_path), good, pg_dump)

    if bad.found_late:
        verified = verify_backup(path, books.url, SETTINGS)
        said = " ".join(verified.verification.findings)
        assert not verified.verification.verified
    else:
        said = refusal(lambda: verify_backup(path, books.url, SETTINGS))
        assert bad.words in refusal(lambda: prepare(path, books.url))

    assert bad.words in said
    assert not any(one.counts for one in list_backups(tmp_path))
    assert len(scratches) == (1 if bad.found_late else 0)
    assert left_behind(books, scratches) == []


def test_the_kinds_have_words_of_their_own() -> None:
    assert len({bad.words for bad in BAD}) == len(BAD) >= 10


def test_a_good_backup_is_verified_and_loses_that_when_it_is_damaged_later(
    good: Good, books: ScratchDatabase, tmp_path: Path
) -> None:
    path = good.copy(tmp_path)
    verified = verify_backup(path, books.url, SETTINGS)
    assert verified.verification.findings == []
    assert [one.counts for one in list_backups(tmp_path)] == [True]

    rewrite(path, flipped(path.read_bytes()))  # as long as it was: no look at the list shows it
    refusal(lambda: verify_backup(path, books.url, SETTINGS))

    assert [one.counts for one in list_backups(tmp_path)] == [False]


def test_a_file_that_may_not_be_read_is_told(good: Good, tmp_path: Path) -> None:
    path = good.copy(tmp_path)
    path.chmod(0)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65534)  # root reads whatever it likes
        with pytest.raises(BackupDamaged, match="may not be read by this user"):
            open_archive(path)
    finally:
        os.seteuid(me)


def test_without_a_manifest_a_bit_in_the_rows_is_found_by_the_restore(
    good: Good, books: ScratchDatabase, tmp_path: Path
) -> None:
    path = rewrite(good.copy(tmp_path), flipped(good.path.read_bytes()))
    manifest_of(path).unlink()
    plan = prepare(path, books.url, without_manifest=True)

    said = refusal(lambda: restore(plan, books.url, SETTINGS))

    assert "is damaged: it cannot be read to its end" in said
    assert left_behind(books, []) == []


def test_without_a_manifest_a_changed_definition_is_found_by_the_doctor(
    good: Good, books: ScratchDatabase, tmp_path: Path
) -> None:
    data = good.path.read_bytes()
    assert b"CHECK ((balance >= 0))" in data
    path = rewrite(good.copy(tmp_path), data.replace(b"((balance >= 0))", b"((balance >= 9))"))
    manifest_of(path).unlink()
    plan = prepare(path, books.url, without_manifest=True)

    said = refusal(lambda: restore(plan, books.url, SETTINGS))

    assert "is not what it should be, and was dropped" in said
    assert "balance" in said


def test_a_database_that_is_not_bursars_is_told(
    empty_database: ScratchDatabase, books: ScratchDatabase, tmp_path: Path
) -> None:
    empty_database.connect().execute("CREATE TABLE public.cups AS SELECT 1 AS id")
    path = tmp_path / "backup_20260101_000000.dump"
    program = find_binary("pg_dump", major_version_min=18)
    subprocess.run(
        [program, "--format=custom", f"--file={path}"],
        env=libpq_environment(empty_database.url),
        check=True,
    )

    said = refusal(lambda: prepare(path, books.url, without_manifest=True))

    assert "holds a database without a ledger" in said
    assert "no ledger in this database" in refusal(
        lambda: take_backup(empty_database.url, tmp_path)
    )


def test_an_older_one_has_to_be_migrated_beside_the_live_one(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    migrate.down(database.url)
    older = take_backup(database.url, tmp_path).path
    migrate.apply_all(database.url)

    plan = prepare(older, database.url)
    said = refusal(lambda: restore(plan, database.url, SETTINGS))
    assert "It is older than this release: it lacks step" in said
    assert "Add --migrate" in said

    verified = verify_backup(older, database.url, SETTINGS)
    assert verified.verification.verified
    assert "It was migrated in the scratch database." in verified.notes[0]

    copy = f"{database.name}_copy"
    plan = prepare(older, database.url, into=copy)
    outcome = restore(plan, database.url, SETTINGS, migrate=True)
    with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{copy}"')
    assert outcome.findings == []


def test_one_of_a_newer_release_is_refused(database: ScratchDatabase, tmp_path: Path) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO bursar_meta.step (number, name, room, checksum, release, duration_ms)"
            " SELECT 9999, '9999_ledger_future', 'ledger', 'x', max(release), 0"
            " FROM bursar_meta.release"
        )
    newer = take_backup(database.url, tmp_path).path

    said = refusal(lambda: restore(prepare(newer, database.url), database.url, SETTINGS))

    assert "it has 9999_ledger_future, which this one does not know" in said


def test_one_that_breaks_a_promise_is_told_by_the_audit(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    with database.connect() as connection:
        who = person(connection, 50)
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE public.user_credits SET balance = balance + 7 WHERE user_id = %s", [who]
        )
    broken = take_backup(database.url, tmp_path).path

    verified = verify_backup(broken, database.url, SETTINGS)
    said = refusal(lambda: restore(prepare(broken, database.url), database.url, SETTINGS))

    assert not verified.verification.verified
    for told in (verified.verification.findings[0], said):
        assert "The audit finds 1 against wallets_match_entries" in told
        assert who in told
