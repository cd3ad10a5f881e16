"""What the commands' tests share: the program itself, run as a process of its own."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bursar.db.embedded import Cluster

START_SECONDS = 180.0
STOP_SECONDS = 60.0
RUN_SECONDS = 120.0
PROGRAM = [sys.executable, "-c", "from bursar.cli import main; main()"]


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: ours, without a setting that would change what it does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    return {**kept, "TERM": "dumb", **more}


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it said."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def run_json(*arguments: str, code: int = 0) -> Any:
    """Run a command with `--json`, expect its exit code, and return what it answered."""
    done = run(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Up:
    """A `bursar up` over `data`, which may be started and ended again and again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.said = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.data, version=None)

    def start(self, *more: str, **settings: str) -> float:
        """Start it on a free port, wait until it is up, and return how many seconds that took.

        `settings` are environment variables.
        """
        started = time.monotonic()
        self.said = ""
        self._process = subprocess.Popen(
            [*PROGRAM, "up", "--port", "0", "--data", str(self.data), *more],
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._read_until("Ctrl-C stops it", started + START_SECONDS)
        address = next(line for line in self.said.splitlines() if "Bursar is up at" in line)
        self.url = address.split()[-1]
        return time.monotonic() - started

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=STOP_SECONDS)[0]
        return self.process.returncode

    def health(self) -> int:
        """The status of /health; 0 when nobody answers."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=20).status_code
        return 0

    def wait_until_healthy(self, seconds: float = 90.0) -> None:
        """Return when /health is well, and fail when it is not in time."""
        deadline = time.monotonic() + seconds
        while self.health() != 200:
            assert time.monotonic() < deadline, "It does not become healthy again."
            time.sleep(0.1)

    def token(self) -> str:
        """A service token, as an operator gets one."""
        done = run("token", "--role", "service_role", "--data", str(self.data))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def close(self) -> None:
        """Leave nothing running, and nothing on the disk."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        if self.data.is_dir():
            self.cluster.remove()

    def _read_until(self, sign: str, deadline: float) -> None:
        output = self.process.stdout
        assert output is not None
        descriptor = output.fileno()
        while sign not in self.said:
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(descriptor, 65536).decode() if ready else ""
            self.said += chunk
            assert chunk, f"It is not up. It said:\n{self.said}"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A `bursar up` that is not started yet, over a directory of its own."""
    made = Up(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `bursar up` that the tests of one file share."""
    made = Up(tmp_path_factory.mktemp("up") / "data")
    try:
        made.start()
        yield made
    finally:
        made.close()
