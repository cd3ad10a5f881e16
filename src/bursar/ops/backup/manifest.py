"""What is known of a backup, in a small file beside it: `backup_….dump.json`, mode 0600."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from bursar.db.place import write_private
from bursar.ops.backup.archive import head_digest
from bursar.ops.backup.contents import Contents
from bursar.ops.backup.database import Database
from bursar.ops.backup.errors import AnotherFile, BackupDamaged
from bursar.ops.backup.files import Kind, digest_of, manifest_path
from bursar.ops.backup.roles import Role

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Verification:
    """What a restore into a scratch database came to: when, and what was found wrong."""

    at: str
    verified: bool
    findings: list[str]
    server_version: str
    bursar_version: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup as it was when it was taken; `started_at` is the moment that it holds.

    `contents` is of the snapshot that the dump was made from; a schema backup counts objects and
    no rows. `server` is the system identifier that a PostgreSQL cluster keeps all its life.
    """

    format: int
    kind: Kind
    file: str
    bytes: int
    sha256: str
    head_sha256: str
    started_at: str
    seconds: float
    snapshot: str
    bursar_version: str
    steps: list[str]
    release: int
    server: str
    server_version: str
    database: Database
    roles: list[Role]
    contents: Contents
    verification: Verification | None = None

    @property
    def verified(self) -> bool:
        """Whether it was restored once, and was what it should be."""
        return self.verification is not None and self.verification.verified


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest of the backup at `path`, whole or not at all."""
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    write_private(manifest_path(path), text + "\n")


def read_manifest(path: Path) -> Manifest | None:
    """Return the manifest of the backup at `path`, or None where there is none.

    Raises `BackupDamaged` when it cannot be read.
    """
    beside = manifest_path(path)
    try:
        text = beside.read_bytes()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise BackupDamaged(f"{beside} may not be read by this user.") from None
    try:
        found: Any = json.loads(text)
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise BackupDamaged(
                f"{beside} is of form {found['format']}, and this release reads form {FORMAT}."
            )
        return msgspec.convert(found, Manifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise BackupDamaged(f"{beside} is damaged and cannot be read ({error}).") from None


def require_own_file(path: Path, manifest: Manifest) -> None:
    """Make sure that `path` is, byte for byte, the file that the manifest was written for.

    Its name may be another one. Raises `BackupDamaged` that tells a file cut off from one that was
    altered, and from another.
    """
    size = path.stat().st_size
    if size == manifest.bytes and digest_of(path) == manifest.sha256:
        return
    if path.name != manifest.file or head_digest(path) != manifest.head_sha256:
        raise AnotherFile(
            f"{manifest_path(path)} belongs to another file: it was written for {manifest.file}, "
            f"taken at {manifest.started_at[:19]}, and {path.name} is another."
        )
    if size < manifest.bytes:
        raise BackupDamaged(
            f"{path} is cut off: it has {size:,} bytes, and {manifest.bytes:,} were written."
        )
    if size > manifest.bytes:
        raise BackupDamaged(
            f"{path} is damaged: it has {size:,} bytes, and only {manifest.bytes:,} were written."
        )
    raise BackupDamaged(
        f"{path} is damaged: its length is right, but its bytes are no longer those that were "
        "written (sha256)."
    )


def with_verification(path: Path, manifest: Manifest, verification: Verification) -> Manifest:
    """Note a verification in the manifest of `path`, and return it."""
    noted = replace(manifest, verification=verification)
    write_manifest(path, noted)
    return noted
