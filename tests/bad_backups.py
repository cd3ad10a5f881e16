"""Files that are not the backup they should be: how each comes about, and the words that it gets.

Each takes the directory of a good backup and damages a copy of its own there.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bursar.ops.backup.archive import head_digest


@dataclass(frozen=True, slots=True)
class Good:
    """A good backup of a database, and another one of the same database."""

    path: Path
    other: Path
    schema: Path

    def copy(self, directory: Path) -> Path:
        """Copy the backup and its manifest."""
        for path in (self.path, manifest_of(self.path)):
            shutil.copy(path, directory / path.name)
        return directory / self.path.name


def manifest_of(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def rewrite(path: Path, data: bytes, *, known: bool = False) -> Path:
    """Write other bytes; with `known` the manifest says that they are the right ones."""
    path.write_bytes(data)
    if known:
        told = json.loads(manifest_of(path).read_text())
        told |= {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "head_sha256": head_digest(path),
        }
        manifest_of(path).write_text(json.dumps(told))
    return path


def edit_manifest(path: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    told = json.loads(manifest_of(path).read_text())
    edit(told)
    manifest_of(path).write_text(json.dumps(told))
    return path


def flipped(data: bytes) -> bytes:
    """One bit is another one, within the last rows that are compressed in there."""
    place = data.rindex(b"\x78\x9c") + 7
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _without_manifest(path: Path) -> Path:
    manifest_of(path).unlink()
    return path


def _other_manifest(path: Path, good: Good) -> Path:
    shutil.copy(manifest_of(good.other), manifest_of(path))
    return path


def _schema_archive(path: Path, pg_dump: Callable[..., None]) -> Path:
    pg_dump(path, "--schema-only")
    return path


def _less_a_table(path: Path, pg_dump: Callable[..., None]) -> Path:
    pg_dump(path, "--exclude-table-data=bursar.entry")
    return rewrite(path, path.read_bytes(), known=True)


def _tar(path: Path) -> Path:
    (path.parent / "toc.dat").write_bytes(b"PGDMP")
    subprocess.run(["tar", "--format=ustar", "-cf", path, "-C", path.parent, "toc.dat"], check=True)
    return path


def _directory(path: Path) -> Path:
    path.unlink()
    path.mkdir()
    return path


@dataclass(frozen=True, slots=True)
class Bad:
    """A kind of damage: `make` brings it about, `words` are part of what is said of it.

    `found_late` is what only a restore into a scratch database finds.
    """

    name: str
    words: str
    make: Callable[[Path, Good, Callable[..., None]], Path]
    found_late: bool = False


BAD: tuple[Bad, ...] = (
    Bad("missing", "There is no file", lambda p, g, d: p.with_name("backup_20000101_000000.dump")),
    Bad("empty", "is empty: nothing was ever written", lambda p, g, d: rewrite(p, b"")),
    Bad("a text", "is not a dump: it does not begin", lambda p, g, d: rewrite(p, b"Dear all,\n")),
    Bad(
        "a schema backup",
        "is plain SQL, as a schema backup is",
        lambda p, g, d: rewrite(p, g.schema.read_bytes()),
    ),
    Bad("a tar", "is in pg_dump's tar format", lambda p, g, d: _tar(p)),
    Bad("a directory", "is a directory. A backup is one file", lambda p, g, d: _directory(p)),
    Bad(
        "cut off in its magic",
        "is cut off in its header, after 3 bytes",
        lambda p, g, d: rewrite(p, b"PGD"),
    ),
    Bad(
        "cut off in its header",
        "is cut off in its header, after 9 bytes",
        lambda p, g, d: rewrite(p, p.read_bytes()[:9]),
    ),
    Bad(
        "cut off in its contents",
        "is cut off: it ends within its table of contents",
        lambda p, g, d: rewrite(p, p.read_bytes()[:30_000]),
    ),
    Bad(
        "cut off in its rows",
        "is cut off: it has",
        lambda p, g, d: rewrite(p, p.read_bytes()[:-2_000]),
    ),
    Bad(
        "longer than it was",
        "and only",
        lambda p, g, d: rewrite(p, p.read_bytes() + b"\0"),
    ),
    Bad(
        "one bit in its rows",
        "its length is right, but its bytes are no longer those that were written",
        lambda p, g, d: rewrite(p, flipped(p.read_bytes())),
    ),
    Bad(
        "a newer format",
        "is in version 1.99 of the archive format, which is newer than pg_restore of PostgreSQL",
        lambda p, g, d: rewrite(p, p.read_bytes()[:6] + b"\x63" + p.read_bytes()[7:]),
    ),
    Bad("another's manifest", "belongs to another file", lambda p, g, d: _other_manifest(p, g)),
    Bad("no manifest", "has no manifest", lambda p, g, d: _without_manifest(p)),
    Bad(
        "a broken manifest",
        "is damaged and cannot be read",
        lambda p, g, d: (manifest_of(p).write_text('{"format": 1, "kind"'), p)[1],
    ),
    Bad(
        "a manifest of tomorrow",
        "is of form 2, and this release reads form 1",
        lambda p, g, d: edit_manifest(p, lambda told: told.update(format=2)),
    ),
    Bad(
        "an archive without rows",
        "holds a schema and no rows",
        lambda p, g, d: _schema_archive(p, d),
    ),
    Bad(
        "one bit in its rows, and the manifest knows",
        "is damaged: it cannot be read to its end",
        lambda p, g, d: rewrite(p, flipped(p.read_bytes()), known=True),
        found_late=True,
    ),
    Bad(
        "a table's rows missing",
        "bursar.entry has 0 rows; the manifest says",
        lambda p, g, d: _less_a_table(p, d),
        found_late=True,
    ),
    Bad(
        "as many rows, and not the same",
        "rows that it should have, but not the same ones",
        lambda p, g, d: edit_manifest(
            p,
            lambda told: told["contents"]["tables"]["bursar.entry"].update(digest="0" * 32),
        ),
        found_late=True,
    ),
    Bad(
        "a policy less",
        "policies; the manifest says",
        lambda p, g, d: edit_manifest(
            p, lambda told: told["contents"]["objects"].update(policies=9_999)
        ),
        found_late=True,
    ),
)
