"""The file of a backup before it is restored: is it a dump, whole, of a kind that we can read?

A dump in `pg_dump`'s custom format begins with PGDMP, the version of the format, sizes, and when it
was made; then a table of contents; then the rows, compressed. The contents are not protected by a
sum of their own, which is why the manifest keeps one of the whole file.
"""

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bursar.db.binaries import client_programs, find_binary
from bursar.ops.backup.errors import BackupDamaged, BackupError
from bursar.ops.backup.programs import run

# Holds the version of the format and the time at which the archive was made.
HEAD_BYTES = 48
_MAGIC = b"PGDMP"
_CUSTOM = 1
_FIXED_BYTES = 11
_TAR_MAGIC = slice(257, 262)
# The oldest PostgreSQL whose pg_restore reads a version of the format.
_READ_SINCE = {(1, 14): 12, (1, 15): 16, (1, 16): 17}
_OLDEST = 12
_PLAIN = re.compile(rb"^--\s*$\s*^-- PostgreSQL database dump", re.MULTILINE)
_MADE = re.compile(r"^; Archive created at (.+)$", re.MULTILINE)
_SERVER = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)
_DATABASE = re.compile(r"^;\s+dbname: (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^\d+; \d+ \d+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Archive:
    """What a dump says of itself, and the `pg_restore` that reads it.

    `server_version` is the major version of the server that it was taken from.
    """

    path: Path
    program: Path
    made_at: str
    database: str
    server_version: int
    entries: tuple[str, ...]


def head_digest(path: Path) -> str:
    """Return the sha256 of the beginning of a file, which tells one dump from another."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()


def open_archive(path: Path, *, server_major: int = 15) -> Archive:
    """Read what a dump says of itself, for a restore to a server of `server_major` or newer.

    Raises `BackupDamaged` for whatever is not a full dump of a database with a ledger, and says
    what it is instead.
    """
    version = _version_of(path)
    program = _program_for(version, server_major)
    with tempfile.TemporaryFile() as output:
        ended = run(program, ["--list", str(path)], output=output)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if ended.status != 0:
        raise BackupDamaged(_unreadable(path, version, program, ended.said))
    entries = tuple(_ENTRY.findall(text))
    _require_ledger(path, entries)
    server = _SERVER.search(text)
    made, database = _MADE.search(text), _DATABASE.search(text)
    return Archive(
        path,
        program,
        made[1] if made else "",
        database[1] if database else "",
        int(server[1]) if server else 0,
        entries,
    )


def _version_of(path: Path) -> tuple[int, int]:
    """Return the version of the archive's format; say what the file is where it is no archive."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise BackupDamaged(f"There is no file {path}.") from None
    except PermissionError:
        raise BackupDamaged(
            f"{path} may not be read by this user. Backups belong to whoever took them."
        ) from None
    except IsADirectoryError:
        raise BackupDamaged(
            f"{path} is a directory. A backup is one file in pg_dump's custom format."
        ) from None
    if not head:
        raise BackupDamaged(f"{path} is empty: nothing was ever written to it, or all was lost.")
    if not head.startswith(_MAGIC):
        raise BackupDamaged(f"{path} {_what_it_is(head)}")
    if len(head) < _FIXED_BYTES:
        raise BackupDamaged(f"{path} is cut off in its header, after {len(head)} bytes.")
    if head[10] != _CUSTOM:
        raise BackupDamaged(f"{path} is an archive of pg_dump's, but not in its custom format.")
    return head[5], head[6]


def _what_it_is(head: bytes) -> str:
    if _PLAIN.search(head):
        return (
            "is plain SQL, as a schema backup is: it can be run with psql or compared with "
            "`bursar doctor --expect`, and holds no rows to restore. Name a backup_….dump."
        )
    if head[_TAR_MAGIC] == b"ustar":
        return "is in pg_dump's tar format, and only the custom format is restored."
    if _MAGIC.startswith(head):
        return f"is cut off in its header, after {len(head)} bytes."
    return "is not a dump: it does not begin as a file of pg_dump's custom format does."


def _program_for(version: tuple[int, int], server_major: int) -> Path:
    since = _READ_SINCE.get(version)
    if since is not None or version < (1, 16):
        return find_binary("pg_restore", major_version_min=max(since or _OLDEST, server_major))
    programs = client_programs("pg_restore")
    if not programs:
        raise BackupError(
            "pg_restore was not found. Install it with pip install 'bursar[embedded]'."
        )
    return programs[-1][1]  # newer than anything known here: the newest may know it


def _unreadable(path: Path, version: tuple[int, int], program: Path, said: str) -> str:
    if "unsupported version" in said:
        newest = max(major for major, found in client_programs("pg_restore") if found == program)
        return (
            f"{path} is in version {version[0]}.{version[1]} of the archive format, which is newer "
            f"than pg_restore of PostgreSQL {newest} reads, the newest at hand. Restore it where "
            "PostgreSQL is as new as where it was taken."
        )
    if "end of file" in said or "too short" in said:
        return f"{path} is cut off: it ends within its table of contents."
    reason = said.strip().partition("\n")[0].removeprefix("pg_restore: error: ")
    return f"{path} is damaged: its table of contents cannot be read ({reason})."


def _require_ledger(path: Path, entries: tuple[str, ...]) -> None:
    if not any(entry.startswith("TABLE bursar asset ") for entry in entries):
        raise BackupDamaged(
            f"{path} holds a database without a ledger: it was not taken of a database of Bursar's."
        )
    if not any(entry.startswith("TABLE DATA ") for entry in entries):
        raise BackupDamaged(
            f"{path} holds a schema and no rows: it was dumped with --schema-only. Restore a full "
            "backup."
        )
