"""The stand-in as a child of this process, which starts it again when it crashed."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 10.0
RESTART_SECONDS = 10.0
CALL_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_BACKOFF_SECONDS_MAX = 5.0


class LocalProvider:
    """A running stand-in. It ends with this process, however this process ends.

    When it ends by itself, because it was told to crash, another one takes its place at the same
    address within a second or so. `api_key` is the one key that it accepts; empty means any.
    `book` is the file of its book of calls. `say` is told in a sentence what happened.
    """

    def __init__(
        self,
        *,
        api_key: str = "",
        book: Path | None = None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._api_key = api_key
        self._book = book
        self._say = say
        self._address = ""
        self._ending = threading.Event()
        self.restarts = 0
        self._process = self._start(0)
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the one that runs."""
        return self._process.pid

    @property
    def address(self) -> str:
        """Where it answers; waits until it does. Raises `RuntimeError` when it does not start."""
        if not self._address:
            self._address = self._first_line(self._process)
            if not self._address:
                raise RuntimeError("The local provider did not start.")
            self._watch = threading.Thread(target=self._mind, name="provider-watch", daemon=True)
            self._watch.start()
        return self._address

    @property
    def api(self) -> str:
        """The base address of its API."""
        return f"{self.address}/v1"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one of its own orders (`/_…`), and return what it answers.

        While another one takes its place, that one is waited for, ten seconds at most. Raises
        `httpx.HTTPError` when it does not answer, or answers that it would not.
        """
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                with httpx.Client(trust_env=False, timeout=CALL_SECONDS) as client:
                    answer = client.request(method, self.address + path, json=body)
                break
            except httpx.NetworkError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def stop(self) -> None:
        """End it, and return when it has ended; at most ten seconds are waited."""
        self._ending.set()
        if self._watch is not None:
            self._watch.join()
        process = self._process
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close(process)

    def _start(self, port: int) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BURSAR_")}
        command = [
            *(sys.executable, "-P", "-m", "bursar.stand_ins.provider", "--end-with-input"),
            *("--port", str(port)),
            *(("--book", str(self._book)) if self._book is not None else ()),
        ]
        return subprocess.Popen(  # noqa: S603 - our own program
            command,
            env={**environment, "BURSAR_PROVIDER_API_KEY": self._api_key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # The Ctrl-C of a terminal reaches its parent alone.
        )

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        said, deadline = process.stdout, time.monotonic() + START_SECONDS
        assert said is not None, "it was started with a pipe"
        while not self._ending.is_set() and time.monotonic() < deadline:
            if select.select([said], [], [], 0.1)[0]:
                return said.readline().strip()
        return ""

    def _mind(self) -> None:
        """Start another one whenever it ended, until told to stop."""
        backoff = 0.0
        while not self._ending.wait(_LOOK_SECONDS):
            code = self._process.poll()
            if code is None:
                continue
            self._say(f"The local provider ended with code {code}; another takes its place.")
            _close(self._process)
            if self._ending.wait(backoff):
                return
            self.restarts += 1
            self._process = self._start(int(self._address.rpartition(":")[2]))
            well = bool(self._first_line(self._process))
            backoff = 0.0 if well else min(max(0.25, backoff * 2), _BACKOFF_SECONDS_MAX)


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
