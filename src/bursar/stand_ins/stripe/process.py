"""The stand-in as a child of this process: for `bursar up`, and for tests."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

START_SECONDS = 60.0
STOP_SECONDS = 10.0
CALL_SECONDS = 60.0


class StandIn:
    """A running stand-in. It ends with this process, however this process ends.

    `api_key` is the one key that it accepts; empty means any test key. Several webhook secrets are
    separated by commas. `port` 0 takes a free one, with `state` the one from before. `options` are
    further options of its command line.
    """

    def __init__(
        self,
        webhook_secret: str,
        *,
        api_key: str = "",
        state: Path | None = None,
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        command = [
            *(sys.executable, "-P", "-m", "bursar.stand_ins.stripe", "--end-with-input"),
            *("--port", str(port), *options),
            *(("--state", str(state)) if state is not None else ()),
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BURSAR_")}
        environment |= {
            "BURSAR_STRIPE_API_KEY": api_key,
            "BURSAR_STRIPE_WEBHOOK_SECRET": webhook_secret,
        }
        self._address = ""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # The Ctrl-C of a terminal reaches its parent alone.
        )

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
        """Its process id."""
        return self._process.pid

    @property
    def address(self) -> str:
        """Where it answers; waits until it does. Raises `RuntimeError` when it does not start."""
        if not self._address:
            said, deadline = self._process.stdout, time.monotonic() + START_SECONDS
            assert said is not None, "it was started with a pipe"
            ready, _, _ = select.select([said], [], [], max(0.0, deadline - time.monotonic()))
            self._address = said.readline().strip() if ready else ""
            if not self._address:
                raise RuntimeError("The local card company did not start.")
        return self._address

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one of its own orders (`/_…`), and return what it answers.

        Raises `httpx.HTTPError` when it does not answer, or answers that it would not.
        """
        with httpx.Client(trust_env=False, timeout=CALL_SECONDS) as client:
            answer = client.request(method, self.address + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def send_events_to(self, url: str) -> None:
        """Tell it where events go."""
        self.ask("POST", "/_webhook", {"url": url})

    def stop(self) -> None:
        """End it, and return when it has ended; at most ten seconds are waited."""
        process = self._process
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
