"""The offline SQL as files for `supabase/migrations`: ordered by their names, small enough.

Each file holds a transaction of its own, because versions of Supabase's CLI differ in what they
put around a file, and all of them leave one that begins and commits by itself as it is.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.offline import Part

# The CLI's own limit for one statement is 256 kB; a file may have many.
FILE_BYTES_MAX = 250_000
_STAMP = "%Y%m%d%H%M%S"
_NAMED = re.compile(r"(?P<stamp>\d{14})_.*\.sql")


def write_supabase_files(
    parts: Sequence[Part], directory: Path, *, now: datetime | None = None
) -> list[Path]:
    """Write a file for each part, a second apart, after whatever is in `directory` already.

    Nothing is replaced. Raises `SourceInvalid` for a part that is too large to be taken.
    """
    directory.mkdir(parents=True, exist_ok=True)
    moment = _first(directory, now or datetime.now(UTC))
    files = []
    for part in parts:
        size = len(part.sql.encode())
        if size > FILE_BYTES_MAX:
            raise SourceInvalid(f"The part '{part.title}' has {size:,} bytes, which is too many.")
        words = re.sub(r"[^a-z0-9]+", "_", part.title.lower()).strip("_")
        name = f"{moment.strftime(_STAMP)}_bursar_{words}.sql"[:120]
        path = directory / name
        path.write_text(part.sql, encoding="utf-8")
        files.append(path)
        moment += timedelta(seconds=1)
    return files


def _first(directory: Path, now: datetime) -> datetime:
    """Return the moment of the first file: now, or just after the newest one that is there."""
    stamps = [
        datetime.strptime(named["stamp"], _STAMP).replace(tzinfo=UTC)
        for path in directory.iterdir()
        if (named := _NAMED.fullmatch(path.name))
    ]
    newest = max(stamps, default=None)
    start = now.astimezone(UTC).replace(microsecond=0)
    return start if newest is None or newest < start else newest + timedelta(seconds=1)
