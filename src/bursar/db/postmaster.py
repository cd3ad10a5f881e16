"""The server process: is it running, start it, wait until it answers, stop it."""

import contextlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bursar.db.account import Account, own_account, run
from bursar.db.binaries import Binaries
from bursar.db.fault import ClusterError
from bursar.db.place import SOCKET_PORT, Place, own_like_directory, write_private
from bursar.db.tuning import configuration_text

_FAST_STOP_SECONDS = 30.0
_IMMEDIATE_STOP_SECONDS = 15.0
_ENDING_SECONDS = 2.0
_DEAD = (b"Z", b"X")  # ended, and not buried yet by its parent
_LOG_BYTES_MAX = 16 * 1024 * 1024
# After a kill -9 of the postmaster its children need a moment to notice.
_PASSING_FAILURES = (b"pre-existing shared memory block", b"is still in use")

_log = logging.getLogger("bursar.db")


class Postmaster:
    """The server over one place. `programs` is what its account can run."""

    def __init__(
        self, place: Place, account: Account, programs: Binaries, settings: Mapping[str, str]
    ) -> None:
        self._place = place
        self._account = account
        self._programs = programs
        self._settings = settings

    def start(self, seconds: float) -> None:
        """Start the server unless it runs, and wait until it answers, crash recovery included.

        A server that is just ending is replaced. Raises `ClusterError`, with the end of the log,
        when none answers within `seconds`.
        """
        deadline = time.monotonic() + seconds
        _bound_log(self._place.log)
        while True:
            if running_pid(self._place) is None:
                self._launch_until(deadline)
            if self._answers(deadline):
                return
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"PostgreSQL did not accept connections within {seconds:.0f} seconds. "
                    f"See {self._place.log}."
                )

    def _answers(self, deadline: float) -> bool:
        """Wait until the server accepts connections; False when it ends or the time is over."""
        while running_pid(self._place) is not None and time.monotonic() <= deadline:
            if self._probe() == 0:
                return True
            time.sleep(0.05)
        return False

    def _probe(self) -> int:
        """Ask at the socket: 0 accepts connections, 1 refuses them for now, 2 says nothing."""
        command = [str(self._programs.path("pg_isready")), "--quiet", "--timeout=3"]
        command += ["--host", str(self._place.socket_directory), "--port", str(SOCKET_PORT)]
        return run([*command, "--dbname", "postgres"], own_account(), seconds=5)

    def _launch_until(self, deadline: float) -> None:
        if self._probe() in {0, 1} and running_pid(self._place) is None:
            raise ClusterError(
                f"A PostgreSQL out of sight, in another container perhaps, serves "
                f"{self._place.data}. Two over the same data would destroy them: stop that one."
            )
        self._configure()
        while True:
            _clear_stale_files(self._place)
            begin = self._place.log.stat().st_size if self._place.log.exists() else 0
            if self._launch(max(1, round(deadline - time.monotonic()))) == 0:
                return
            if running_pid(self._place) is not None:
                return
            said = _log_after(self._place.log, begin)
            passing = any(sign in said for sign in _PASSING_FAILURES)
            if not passing or time.monotonic() > deadline:
                raise ClusterError(
                    f"PostgreSQL did not start. The end of {self._place.log}:\n"
                    f"{said[-2000:].decode(errors='replace')}"
                )
            time.sleep(0.2)

    def _configure(self) -> None:
        socket_directory = self._place.prepare_socket_directory(self._account)
        text = configuration_text(socket_directory, SOCKET_PORT, self._settings)
        write_private(self._place.configuration, text)
        self._place.configuration.chmod(0o644)  # the server's account reads it; no secret in it

    def _launch(self, seconds: int) -> int:
        """Start through pg_ctl, which gives the server a session of its own.

        So neither the Ctrl-C of a terminal nor the end of this program reaches the server.
        """
        command = [str(self._programs.path("pg_ctl")), "start", "--silent", "--wait"]
        command += ["--timeout", str(seconds), "--pgdata", str(self._place.data)]
        # Here it wins over ALTER SYSTEM, which wins over any file of ours.
        command += ["--options", "-c listen_addresses=''"]
        # Appending, so that nothing is lost to a server that is just ending.
        descriptor = os.open(
            self._place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600
        )
        with os.fdopen(descriptor, "ab") as log:
            own_like_directory(descriptor, self._place.root)
            return run(command, self._account, seconds=seconds + 10, output=log)


def running_pid(place: Place) -> int | None:
    """The process id of the server over `place`, or None when none is running."""
    pid = _recorded_pid(place)
    return pid if pid is not None and _is_postmaster(pid, place.data) else None


def stop_postmaster(place: Place) -> None:
    """Stop the server over `place`, if it runs: fast, and immediately when that takes too long.

    Sessions are ended and open transactions rolled back. Raises `ClusterError` when it still runs.
    """
    pid = running_pid(place)
    if pid is None:
        return
    for number, seconds in (
        (signal.SIGINT, _FAST_STOP_SECONDS),
        (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _is_postmaster(pid, place.data):
                return
            time.sleep(0.02)
        _log.warning("PostgreSQL, process %d, did not stop within %.0f seconds", pid, seconds)
    raise ClusterError(f"PostgreSQL, process {pid}, does not stop.")


def _recorded_pid(place: Place) -> int | None:
    try:
        text = (place.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    first = text.partition("\n")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is a living server over `data`: the number alone may be used again."""
    state, arguments = _process(pid)
    return state not in _DEAD and os.fsencode(data) in arguments


def _process(pid: int) -> tuple[bytes, list[bytes]]:
    """The state letter and the command line of a process; both empty when there is none."""
    process = Path("/proc", str(pid))
    if Path("/proc/self/stat").exists():
        try:
            state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0]
            return state, (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return b"", []
    with tempfile.TemporaryFile() as output:
        command = ["/bin/ps", "-o", "state=,args=", "-p", str(pid)]
        run(command, own_account(), seconds=5, output=output)
        output.seek(0)
        state, *arguments = output.read().split() or [b""]
    return state[:1], arguments


def _clear_stale_files(place: Place) -> None:
    """Remove lock files of a killed server whose number may be another program's by now.

    PostgreSQL recognises a dead process itself, but takes any living one, and one that its parent
    has not buried yet, for its predecessor. It still finds processes left over from a killed
    server by their shared memory. The socket's directory is used by this server alone.
    """
    for name in (f".s.PGSQL.{SOCKET_PORT}.lock", f".s.PGSQL.{SOCKET_PORT}"):
        (place.socket_directory / name).unlink(missing_ok=True)
    pid = _recorded_pid(place)
    patience = time.monotonic() + _ENDING_SECONDS
    while pid is not None:
        state, arguments = _process(pid)
        if not state or _is_postmaster(pid, place.data):
            return
        ending = arguments in ([], [b""]) and state not in _DEAD
        if not ending or time.monotonic() > patience:
            _log.info("The stale pid file of %s names process %d: removed", place.data, pid)
            (place.data / "postmaster.pid").unlink(missing_ok=True)
            return
        time.sleep(0.02)


def _bound_log(log: Path) -> None:
    """Keep at most one old log beside the current one."""
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.old"))


def _log_after(log: Path, begin: int) -> bytes:
    with log.open("rb") as file:
        file.seek(begin)
        return file.read(64 * 1024)
