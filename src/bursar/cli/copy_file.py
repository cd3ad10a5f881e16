"""Copies of rows from before a change, for whoever wants to know or to go back."""

import time
from pathlib import Path
from typing import Any

import msgspec

from bursar.db.place import write_private


def write_copy(copy: Any, directory: Path, name: str) -> Path:
    """Write `copy` as JSON to `<name>_<time>.json` below `directory`, and return its path.

    Only its owner may read it. It is on the disk when this returns, and no other copy is replaced,
    also of the same second. Raises `OSError` when it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem = time.strftime(f"{name}_%Y%m%d_%H%M%S")
    path = directory / f"{stem}.json"
    number = 1
    while path.exists():
        number += 1
        path = directory / f"{stem}_{number}.json"
    write_private(path, msgspec.json.format(msgspec.json.encode(copy)).decode())
    return path
