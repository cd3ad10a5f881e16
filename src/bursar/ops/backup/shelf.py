"""The directory of backups: what is there, what counts as verified, what may go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bursar.ops.backup.errors import BackupDamaged
from bursar.ops.backup.files import is_backup, manifest_path
from bursar.ops.backup.manifest import Manifest, read_manifest
from bursar.ops.backup.session import connected

_IDENTITY = """
    SELECT current_database(), (SELECT system_identifier::text FROM pg_control_system()), now()
"""


@dataclass(frozen=True, slots=True)
class Shelved:
    """One file with the name of a backup. `manifest` is None where it is missing or damaged.

    `trouble` says what is wrong with it, as far as a look at its name and length tells.
    """

    path: Path
    bytes: int
    manifest: Manifest | None
    trouble: str

    @property
    def counts(self) -> bool:
        """Whether it is verified and still looks as it did then."""
        return self.manifest is not None and self.manifest.verified and not self.trouble

    @property
    def started_at(self) -> datetime:
        """The moment that it holds; of a file without a manifest, when it was last written."""
        if self.manifest is None:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        return datetime.fromisoformat(self.manifest.started_at)


def list_backups(directory: Path) -> list[Shelved]:
    """Return every backup in a directory, newest first; none where there is no directory."""
    if not directory.is_dir():
        return []
    found = [_shelved(path) for path in directory.iterdir() if is_backup(path)]
    return sorted(found, key=lambda one: (one.started_at, one.path.name), reverse=True)


def latest_verified(
    directory: Path,
    *,
    database: str | None = None,
    server: str | None = None,
    within: timedelta | None = None,
    now: datetime | None = None,
) -> Shelved | None:
    """Return the newest full backup that was verified and still has its length, or None.

    `database` and `server` (the system identifier of the cluster) ask for backups of this one,
    `within` for one that was taken no longer ago than that; not in the future either.
    """
    present = now or datetime.now(UTC)
    for one in list_backups(directory):
        if not one.counts or one.manifest is None or one.manifest.kind != "full":
            continue
        if database is not None and one.manifest.database.name != database:
            continue
        if server is not None and one.manifest.server != server:
            continue
        if within is not None and not timedelta() <= present - one.started_at <= within:
            continue
        return one
    return None


def latest_verified_of(
    url: str, directory: Path, *, within: timedelta = timedelta(hours=24)
) -> Shelved | None:
    """Return the newest verified backup of the very database at `url`, if it is young enough.

    Its age is told by the server's clock, which stamped it. Raises `psycopg.OperationalError`.
    """
    database, server, now = _identity(url)
    return latest_verified(directory, database=database, server=server, within=within, now=now)


def is_of(url: str, manifest: Manifest) -> bool:
    """Whether a backup is of the database at `url`. Raises `psycopg.OperationalError`."""
    database, server, _ = _identity(url)
    return (database, server) == (manifest.database.name, manifest.server)


def to_remove(
    shelf: Sequence[Shelved],
    taken: Shelved,
    *,
    keep: int | None = None,
    keep_days: int | None = None,
) -> list[Shelved]:
    """Return the backups that retention would remove after `taken` was made.

    They are of the same kind and the same database; others, and files without a manifest, are
    nobody's to remove. Never the one just taken, and never the newest verified one, however old.
    """
    assert taken.manifest is not None
    alike = [
        one
        for one in shelf
        if one.manifest is not None
        and one.manifest.kind == taken.manifest.kind
        and one.manifest.database.name == taken.manifest.database.name
        and one.manifest.server == taken.manifest.server
    ]
    newest_verified = next((one for one in alike if one.counts), taken)
    spared = {taken.path, newest_verified.path}
    going = []
    for place, one in enumerate(alike):
        old = keep_days is not None and taken.started_at - one.started_at > timedelta(keep_days)
        many = keep is not None and place >= keep
        if (old or many) and one.path not in spared:
            going.append(one)
    return going


def remove(going: Sequence[Shelved]) -> None:
    """Remove backups and their manifests, a backup always before its manifest."""
    for one in going:
        one.path.unlink(missing_ok=True)
        manifest_path(one.path).unlink(missing_ok=True)


def _identity(url: str) -> tuple[str, str, datetime]:
    """Return the names of a database and of its server, and what time it is there."""
    with connected(url) as connection:
        row = connection.execute(_IDENTITY).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _shelved(path: Path) -> Shelved:
    size = path.stat().st_size
    try:
        manifest = read_manifest(path)
    except BackupDamaged as error:
        return Shelved(path, size, None, str(error))
    if manifest is None:
        return Shelved(path, size, None, "It has no manifest.")
    if manifest.bytes != size:
        return Shelved(
            path, size, manifest, f"It has {size:,} bytes instead of {manifest.bytes:,}."
        )
    return Shelved(path, size, manifest, "")
