"""PostgreSQL's own programs at work: `pg_dump` and `pg_restore`, watched and ended with us."""

import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bursar.db.libpq import libpq_environment
from bursar.db.pool import redact
from bursar.ops.backup.errors import BackupError

_WATCH_SECONDS = 0.2
_END_SECONDS = 10.0
_SAID_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, and what it said on standard error."""

    program: str
    status: int
    said: str

    @property
    def complaints(self) -> list[str]:
        """What it said, one text for each error, with the lines that belong to it."""
        found: list[str] = []
        inside = False
        for line in self.said.splitlines():
            if line.startswith(f"{self.program}: "):
                inside = line.startswith((f"{self.program}: error:", f"{self.program}: detail:"))
                if line.startswith(f"{self.program}: error:"):
                    found.append(line.removeprefix(f"{self.program}: error:").strip())
                    continue
            if inside and found and line.strip():
                found[-1] += "\n" + line.removeprefix(f"{self.program}: ").strip()
        return found


def run(
    program: Path,
    arguments: Sequence[str],
    *,
    url: str = "",
    output: IO[bytes] | None = None,
    on_tick: Callable[[], object] = lambda: None,
) -> Ended:
    """Run a program to its end and return how it ended.

    It finds `url` in its environment, and never asks for a password. `on_tick` is called a few
    times a second; when it raises, the program is ended and the error goes on. Raises
    `BackupError` when the program cannot be started.
    """
    environment = libpq_environment(url) | {"LC_ALL": "C", "PGAPPNAME": "bursar backup"}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL's, found by us
                [str(program), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if output is None else output,
                stderr=said,
            )
        except OSError as error:
            raise BackupError(f"{program} could not be started: {error.strerror}.") from error
        try:
            status = _wait(process, on_tick)
        finally:
            _end(process)
        said.seek(0)
        text = said.read(_SAID_BYTES_MAX).decode(errors="replace")
    return Ended(program.name, status, redact(text))


def ending_of(status: int) -> str:
    """Say in words how a program ended that did not end well."""
    if status >= 0:
        return f"ended with status {status}"
    if status == -signal.SIGXFSZ:
        return "was ended because its file became larger than this account may write"
    return f"was ended by signal {-status} ({signal.strsignal(-status)})"


def _wait(process: subprocess.Popen[bytes], on_tick: Callable[[], object]) -> int:
    while True:
        try:
            status = process.wait(_WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            on_tick()
        else:
            on_tick()  # Ctrl-C ends the program too: whoever was told to stop says so, not it
            return status


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
