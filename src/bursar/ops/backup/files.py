"""The names of backups, and how their files come to be: whole or not at all, and private."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from bursar.db.place import own_like_directory, sync_directory
from bursar.ops.backup.errors import BackupError

Kind = Literal["full", "schema"]

_SHAPES: dict[Kind, str] = {"full": "backup_{}.dump", "schema": "schema_backup_{}.sql"}
_STAMP = "%Y%m%d_%H%M%S"
_NAME = re.compile(r"(backup_(\d{8}_\d{6})\.dump|schema_backup_(\d{8}_\d{6})\.sql)")
_UNFINISHED = ".unfinished-"
# What somebody still writes to is younger.
_ABANDONED_SECONDS = 86_400
_CHUNK = 4 * 1024 * 1024
# Two backups of one second get stamps of their own.
_NAMES_TRIED = 60


def stamp_of(moment: datetime) -> str:
    """Return a moment as it stands in names: UTC, to the second."""
    return moment.astimezone(UTC).strftime(_STAMP)


def is_backup(path: Path) -> bool:
    """Whether a file has the name of a backup."""
    return _NAME.fullmatch(path.name) is not None


def manifest_path(path: Path) -> Path:
    """Return the path of the manifest of a backup: its name with `.json` behind it."""
    return path.with_name(path.name + ".json")


@contextmanager
def unfinished(directory: Path) -> Iterator[Path]:
    """Make a file for a backup under a name that nobody takes for one; remove it afterwards.

    It has mode 0600 and belongs to the owner of its directory. What abandoned runs have left
    there for a day is removed as well. Raises `OSError`.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in directory.glob(f"{_UNFINISHED}*"):
        if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
            old.unlink(missing_ok=True)
    path = directory / f"{_UNFINISHED}{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        own_like_directory(descriptor, directory)
    finally:
        os.close(descriptor)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def publish(draft: Path, kind: Kind, taken: datetime) -> Path:
    """Give a whole file its name, which is of the second that it was taken in; return its path.

    The file and its name are on the disk by then. Nothing is ever replaced: where the name is
    taken the next second's is used.
    """
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    for later in range(_NAMES_TRIED):
        stamp = stamp_of(taken + timedelta(seconds=later))
        path = draft.with_name(_SHAPES[kind].format(stamp))
        try:
            os.link(draft, path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            continue
        draft.unlink()
        sync_directory(path.parent)
        return path
    raise BackupError(f"{draft.parent} has too many backups of the same minute.")


def digest_of(path: Path, on_bytes: Callable[[int], object] = lambda count: None) -> str:
    """Return the sha256 of a file in hexadecimal digits; `on_bytes` is told how far it is."""
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            count += len(chunk)
            on_bytes(count)
    return digest.hexdigest()
