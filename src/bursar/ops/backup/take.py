"""Taking a backup: one snapshot, seen by `pg_dump` and by whoever counts and digests the rows."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psycopg

from bursar.db.binaries import find_binary
from bursar.ops.backup.archive import head_digest
from bursar.ops.backup.contents import Contents, read_contents, read_sequences, require_sight
from bursar.ops.backup.database import Database, read_database
from bursar.ops.backup.errors import BackupError
from bursar.ops.backup.files import Kind, digest_of, publish, unfinished
from bursar.ops.backup.manifest import FORMAT, Manifest, write_manifest
from bursar.ops.backup.programs import Ended, ending_of, run
from bursar.ops.backup.roles import Role, read_roles
from bursar.ops.backup.session import LOCK_SECONDS, Connection, connected

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MOMENT = """
    SELECT pg_export_snapshot(), now(), current_database(), current_setting('server_version'),
        (SELECT system_identifier::text FROM pg_control_system()),
        to_regclass('bursar.asset') IS NOT NULL AND to_regclass('bursar_meta.step') IS NOT NULL
"""
_SAID_CHARACTERS = 1_000
_STEPS = """
    SELECT coalesce(array_agg(name ORDER BY number), '{}'),
        (SELECT coalesce(max(release), 0) FROM bursar_meta.release)
    FROM bursar_meta.step
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup on the disk: its path and its manifest."""

    path: Path
    manifest: Manifest


# What is being done, how far it is, and how much there is to do where that is known.
Progress = Callable[[str, int, int | None], object]


def take_backup(
    url: str,
    directory: Path,
    *,
    schema_only: bool = False,
    on_progress: Progress = lambda doing, done, of: None,
) -> Backup:
    """Dump the database at `url` into a new file below `directory`, and write its manifest.

    Nobody is held up; a migration that is at work is waited for ten seconds. What is written
    meanwhile is not in it. The file has its name only when it is whole and on the disk.

    Raises `BackupError`, `Hidden` where the login does not see every row, `ClusterError` without a
    pg_dump that is new enough, and `psycopg.Error` or `OSError` for what they say.
    """
    began = time.monotonic()
    kind: Kind = "schema" if schema_only else "full"
    with unfinished(directory) as draft:
        held = _dump_and_read(url, draft, schema_only, on_progress)
        size = draft.stat().st_size
        sha256 = digest_of(draft, lambda count: on_progress("Reading it once", count, size))
        head = head_digest(draft)
        path = publish(draft, kind, held.moment.started_at)
    manifest = Manifest(
        format=FORMAT,
        kind=kind,
        file=path.name,
        bytes=size,
        sha256=sha256,
        head_sha256=head,
        started_at=held.moment.started_at.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 3),
        snapshot=held.moment.snapshot,
        bursar_version=metadata.version("bursar"),
        steps=held.steps,
        release=held.release,
        server=held.moment.server,
        server_version=held.moment.server_version,
        database=held.database,
        roles=held.roles,
        contents=held.contents,
    )
    write_manifest(path, manifest)
    return Backup(path, manifest)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The snapshot and when and where it was taken."""

    snapshot: str
    started_at: datetime
    database: str
    server_version: str
    server: str


@dataclass(frozen=True, slots=True)
class _Held:
    """What the manifest says of the database, all of it of one moment."""

    moment: _Moment
    contents: Contents
    database: Database
    steps: list[str]
    release: int
    roles: list[Role]


def _dump_and_read(url: str, draft: Path, schema_only: bool, on_progress: Progress) -> _Held:
    with connected(url) as connection, _transaction(connection):
        require_sight(connection)
        moment = _moment(connection)
        program = find_binary("pg_dump", major_version_min=connection.info.server_version // 10_000)
        # Before the dump, which reads them when it comes to them: then it is never behind this.
        sequences = {} if schema_only else read_sequences(connection)
        said = ["--schema-only"] if schema_only else ["--format=custom"]
        _dump(program, url, draft, [*said, f"--snapshot={moment.snapshot}"], on_progress)
        contents = _contents(connection, schema_only, on_progress)
        database = read_database(connection, moment.database)
        assert database is not None
        steps, release = connection.execute(_STEPS).fetchone() or ([], 0)
        return _Held(
            moment,
            replace(contents, sequences=sequences),
            database,
            list(steps),
            release,
            read_roles(connection),
        )


def _moment(connection: Connection) -> _Moment:
    row = connection.execute(_MOMENT).fetchone()
    assert row is not None
    if not row[5]:
        raise BackupError(
            "There is no ledger in this database, so this is not the one to back up. `bursar "
            "migrate up` installs it."
        )
    return _Moment(*row[:5])


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """Hold one snapshot for the length of a block; nothing is changed."""
    connection.execute(_BEGIN)
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")


def _dump(
    program: Path, url: str, draft: Path, arguments: list[str], on_progress: Progress
) -> None:
    ended = run(
        program,
        [
            *arguments,
            f"--file={draft}",
            f"--lock-wait-timeout={LOCK_SECONDS}s",
            "--no-password",
        ],
        url=url,
        on_tick=lambda: on_progress("Dumping", draft.stat().st_size, None),
    )
    if ended.status != 0:
        raise BackupError(f"The backup was not made. {_why(ended, draft)} Nothing was left behind.")


def _contents(connection: Connection, schema_only: bool, on_progress: Progress) -> Contents:
    return read_contents(
        connection,
        lambda name, left: on_progress(f"Counting and digesting {name}", left, None),
        rows=not schema_only,
    )


def _why(ended: Ended, draft: Path) -> str:
    said = " ".join(ended.said.split())
    if "No space left on device" in said or "File too large" in said or ended.status < 0:
        free = shutil.disk_usage(draft.parent).free // 1_000_000
        reason = (
            "its disk is full" if "No space left" in said else f"pg_dump {ending_of(ended.status)}"
        )
        return f"It could not be written to {draft.parent}: {reason} ({free:,} MB are free there)."
    if "LOCK TABLE" in said and "canceling statement" in said:
        return (
            f"Somebody held a table for more than {LOCK_SECONDS} s, as a migration does. Who holds "
            "one is in pg_locks. Take the backup when that is through."
        )
    return f"pg_dump {ending_of(ended.status)}: {said[:_SAID_CHARACTERS]}"
