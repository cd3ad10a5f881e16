"""Requests that arrive when they are planned, whether or not earlier ones were answered.

For tests that change something under those who go on: how long each had to wait is known to the
phase in which it came.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.http_client import Connection
from tests.patience import PATIENCE_SECONDS

# What is asked: a name for the account of it, and the bytes of a whole HTTP/1.1 request.
Request = tuple[str, bytes]


def a_request(
    method: str, path: str, headers: dict[str, str], body: dict[str, object] | None = None
) -> bytes:
    """The bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: test", f"content-length: {len(content)}"]
    lines += ["content-type: application/json"] if content else []
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


@dataclass
class Phase:
    """What happened to the requests that were planned within a phase.

    `slowest_ms` counts from the moment that a request was planned for, so a machine that has no
    time for it is in it; `blocked_ms` from the moment it was sent.
    """

    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    blocked_ms: float = 0.0
    blocked: str = ""


class SteadyLoad:
    """`rate` requests a second from `requests`, over so many connections, until it is stopped."""

    def __init__(
        self, port: int, requests: Callable[[int], Request], *, rate: float, connections: int = 40
    ) -> None:
        self._port, self._requests, self._rate = port, requests, rate
        self._connections = connections
        self._stopping = False
        self.phase = ""
        self.phases: dict[str, Phase] = {}
        self.sent = 0

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Put what is planned within the block down to this phase."""
        before, self.phase = self.phase, phase
        try:
            yield
        finally:
            self.phase = before

    def stop(self) -> None:
        """Plan nothing more; what was planned is still answered."""
        self._stopping = True

    async def run(self) -> None:
        """Send until it is stopped, and wait for every answer."""
        waiting: asyncio.Queue[tuple[float, str, Request] | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._caller(waiting))
            begun = time.perf_counter()
            for number in itertools.count():
                planned = begun + number / self._rate
                await asyncio.sleep(max(0.0, planned - time.perf_counter()))
                if self._stopping:
                    break
                waiting.put_nowait((planned, self.phase, self._requests(number)))
                self.sent += 1
            for _ in range(self._connections):
                waiting.put_nowait(None)

    async def _caller(self, waiting: asyncio.Queue[tuple[float, str, Request] | None]) -> None:
        connection: Connection | None = None
        while (one := await waiting.get()) is not None:
            planned, phase, (name, request) = one
            if connection is None or not connection.is_open:
                connection = await Connection.open("127.0.0.1", self._port)
            sent = time.perf_counter()
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, body = await connection.send(request)
            self._note(phase, name, status, body, planned, sent)
        if connection is not None:
            connection.close()

    def _note(
        self, phase: str, name: str, status: int, body: bytes, planned: float, sent: float
    ) -> None:
        now = time.perf_counter()
        kept = self.phases.setdefault(phase, Phase())
        code = "" if status == 200 else str(json.loads(body).get("code"))
        kept.answers[name, status, code] += 1
        kept.slowest_ms = max(kept.slowest_ms, (now - planned) * 1000)
        if (now - sent) * 1000 > kept.blocked_ms:
            kept.blocked_ms, kept.blocked = (now - sent) * 1000, name
