"""A durable place for what is accepted while the database is away.

Each process appends to a file of its own: one line of JSON for each thing accepted, on the disk
before anybody is told so. What was carried out is noted beside it, line by line, and a file whose
lines all are is removed. A line that a crash cut short was never acknowledged and is passed over.
Whoever replays may find the files of processes that are gone, and takes them over.
"""

import asyncio
import contextlib
import errno
import fcntl
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bursar.settings import Settings

SUFFIX, DONE_SUFFIX = ".spool", ".done"
LINE_BYTES_MAX = 1_048_576
DIGITS = 10
_encode = msgspec.json.Encoder().encode


class SpoolFull(Exception):
    """The spool keeps as much as it may; nothing was accepted."""


class Kept(msgspec.Struct, frozen=True):
    """One thing that was accepted: `kind` is "event" or "claim", `at` seconds since the epoch."""

    kind: str
    at: float
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something kept that was not carried out yet, and where it stands."""

    path: Path
    line: int
    kept: Kept


class Spool:
    """The spool below `directory`, at most `bytes_max` bytes in all files together."""

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._file: io.FileIO | None = None
        self._path: Path | None = None
        self._appending = asyncio.Lock()
        self._replaying = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings) -> "Spool | None":
        """Return the spool that the settings name, or None where they name none."""
        if not settings.spool_directory:
            return None
        return cls(Path(settings.spool_directory), settings.spool_bytes_max)

    async def keep(self, kind: str, request: dict[str, Any]) -> None:
        """Write one thing down; when this returns it is on the disk.

        Raises `SpoolFull` when there is no room for it, `OSError` when the disk fails.
        """
        line = _encode(Kept(kind, time.time(), request)) + b"\n"
        if len(line) > LINE_BYTES_MAX:
            raise SpoolFull
        await self._alone(self._append, line)

    async def waiting(self) -> list[Waiting]:
        """Return what was kept and not carried out yet, of all processes, oldest first."""
        return await asyncio.to_thread(self._read)

    async def done(self, *waiting: Waiting) -> None:
        """Note that these were carried out."""
        await asyncio.to_thread(self._note, waiting)

    async def tidy(self) -> None:
        """Remove files of which nothing is left to carry out, unless their process may go on."""
        await self._alone(self._tidy)

    @contextlib.asynccontextmanager
    async def replaying(self) -> Any:
        """Be the only one of all processes who replays; yields False when another one does."""
        async with self._replaying:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self._directory / "replaying").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                yield True

    async def count(self) -> int:
        """Return how many things wait, without reading them."""
        return await asyncio.to_thread(self._count)

    def is_empty(self) -> bool:
        """Say whether no file is there at all: the usual case, told by one look."""
        return next(self._files(), None) is None

    def close(self) -> None:
        """Close this process's file; what it holds stays."""
        if self._file is not None:
            self._file.close()
            self._file = self._path = None

    async def _alone(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do in a thread what touches this process's file.

        Who is cancelled ends no thread: nobody is let in before it is through.
        """
        await self._appending.acquire()
        working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        working.add_done_callback(lambda _: self._appending.release())
        await asyncio.shield(working)

    def _files(self) -> Iterator[Path]:
        if self._directory.is_dir():
            yield from self._directory.glob(f"*{SUFFIX}")

    def _append(self, line: bytes) -> None:
        used = sum(_size(path) for path in self._files())
        if used + len(line) > self._bytes_max:
            raise SpoolFull
        file = self._open()
        start = file.tell()
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, "The disk took a part of the line only.")
            os.fsync(file.fileno())
        except OSError:
            # Half a line would swallow the next one. If it stays, that goes into a fresh file.
            try:
                file.truncate(start)
                file.seek(start)
            except OSError:
                self.close()
            raise

    def _open(self) -> io.FileIO:
        """Return this process's file, made anew where a replay has removed it."""
        if self._file is not None and self._path is not None and self._path.exists():
            return self._file
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        while self._file is None or self._path is None or not self._path.exists():
            # Until it is held, whoever tidies may take an empty file for one that is left over.
            self.close()
            self._path = self._directory / f"{time.time_ns()}-{os.getpid()}{SUFFIX}"
            self._file = self._path.open("xb", buffering=0)
            self._path.chmod(0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        # The name is on the disk only with its directory.
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return self._file

    def _read(self) -> list[Waiting]:
        found: list[Waiting] = []
        for path in self._files():
            done = _numbers(path.with_suffix(DONE_SUFFIX))
            for number, line in enumerate(_bytes(path).split(b"\n")):
                if number in done or not line:
                    continue
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(Waiting(path, number, msgspec.json.decode(line, type=Kept)))
        return sorted(found, key=lambda one: (one.kept.at, one.path.name, one.line))

    def _count(self) -> int:
        return sum(len(_left(path)) for path in self._files())

    def _note(self, waiting: Iterable[Waiting]) -> None:
        lines: dict[Path, list[int]] = {}
        for one in waiting:
            lines.setdefault(one.path.with_suffix(DONE_SUFFIX), []).append(one.line)
        for noted, numbers in lines.items():
            with noted.open("ab") as file:
                file.write(b"".join(b"%0*d\n" % (DIGITS, number) for number in numbers))
                file.flush()
                os.fsync(file.fileno())

    def _tidy(self) -> None:
        for path in list(self._files()):
            noted = path.with_suffix(DONE_SUFFIX)
            with path.open("rb") as file:
                if path == self._path and not _left(path):
                    self.close()
                try:
                    # Whoever appends to a file holds it; what is free belongs to nobody any more,
                    # and only what is held gets no more lines.
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                if _left(path):
                    continue
                path.unlink(missing_ok=True)
            noted.unlink(missing_ok=True)


def _numbers(path: Path) -> set[int]:
    """Return the lines that are noted. One that a crash cut short would be another one's number."""
    noted = _bytes(path).split(b"\n")
    return {int(line) for line in noted if len(line) == DIGITS and line.isdigit()}


def _left(path: Path) -> set[int]:
    """Return the lines that are not noted. The last is one only if a crash cut its end alone."""
    *ended, last = _bytes(path).split(b"\n")
    lines = {number for number, line in enumerate(ended) if line}
    with contextlib.suppress(msgspec.MsgspecError):
        msgspec.json.decode(last, type=Kept)
        lines.add(len(ended))
    return lines - _numbers(path.with_suffix(DONE_SUFFIX))


def _bytes(path: Path) -> bytes:
    """Return what a file holds; nothing, when another process has removed it meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
