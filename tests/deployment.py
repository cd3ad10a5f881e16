"""A running server for the tests: a process of its own, its log in a file."""

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jwt

from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint

SECRET = "known to these tests only, and long enough"
# For a service of which no promise is about how long it waits for a wallet: however slow the
# machine, whoever waits gets it, and no claim is given up. It is below the limit of a request.
PATIENT = {"busy_timeout_ms": "25000"}
START_SECONDS = 120.0
END_SECONDS = 60.0
_PROGRAM = """
import sys
from bursar.http.serve import serve
from bursar.settings import Settings
serve(Settings.from_environment(), "127.0.0.1", int(sys.argv[1]),
      on_ready=lambda address: print(address, flush=True))
"""


def lasting_port() -> int:
    """A free port for a server that will be killed and started again.

    It is below those that the system gives to outgoing connections: a client that knocks at such a
    port while nobody listens may be connected to itself, and keep it.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("There is no free port.")


class Deployment:
    """A server process over `database`, logged in as the service's own role.

    `settings` are `BURSAR_*` variables without their prefix, in lower case. `port` 0 is any free
    one. The log is appended to, also by a process that takes another one's place.
    """

    def __init__(
        self,
        database: ScratchDatabase,
        directory: Path,
        settings: dict[str, str] | None = None,
        *,
        port: int = 0,
    ) -> None:
        self._port = port
        self.database = database
        self.log_path = directory / f"server-{database.name}-{id(self):x}.log"
        self.url = ""
        self._settings = settings or {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "Deployment":
        """Start the server, on the port it had before if there was one; return when it answers."""
        chosen = {
            "database_url": self.database.service_url,
            "jwt_secret": SECRET,
            "log_level": "info",
            **self._settings,
        }
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BURSAR_")}
        environment |= {f"BURSAR_{name.upper()}": value for name, value in chosen.items()}
        port = self.url.rpartition(":")[2] or str(self._port)
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, port],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        self.url = self._first_line() or self._fail("The server did not say where it listens.")
        return self

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end, and insist when it does not."""
        self._end(signal.SIGTERM)

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the server has logged so far."""
        return self.log_path.read_text("utf-8")

    @staticmethod
    def token(role: str, sub: str | None = None, **more: object) -> str:
        """A token that the server accepts, for an hour; `more` are claims besides."""
        minted = mint(role, sub, SECRET, 3600)
        if not more:
            return minted
        claims = jwt.decode(minted, SECRET, algorithms=["HS256"])
        return jwt.encode(claims | more, SECRET, algorithm="HS256")

    @staticmethod
    def headers(role: str, sub: str | None = None, **more: object) -> dict[str, str]:
        """The headers of a request with such a token."""
        return {"authorization": f"Bearer {Deployment.token(role, sub, **more)}"}

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if select.select([self._process.stdout], [], [], 0.1)[0]:
                return self._process.stdout.readline().strip()
        return ""

    def _fail(self, complaint: str) -> str:
        self._end(signal.SIGKILL)
        raise AssertionError(f"{complaint}\n{self.log()[-4000:]}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_SECONDS)
        finally:
            if process.stdout is not None:
                process.stdout.close()
