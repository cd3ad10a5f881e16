"""A tap between a client and PostgreSQL that counts how often one waits for the other."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_READY_FOR_QUERY = ord("Z")


class WireTap:
    """Passes bytes on between a private Unix socket and the server's own.

    `round_trips` counts the times that a client spoke after the server had answered: what a
    distant server would make slow. `ready_for_query` counts what the server completed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        known = conninfo_to_dict(url)
        name = f".s.PGSQL.{known['port']}"
        self._target = Path(str(known["host"]), name)
        self._directory = Path(tempfile.mkdtemp(prefix="tap-"))
        self._socket = self._directory / name
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self.round_trips = 0
        self.ready_for_query = 0

    @property
    def url(self) -> str:
        """Where to connect instead."""
        return make_conninfo(self._url, host=str(self._directory))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self._socket)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        shutil.rmtree(self._directory)

    def _accept(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(client, answers))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _connect(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_unix_connection(self._target)
        line = _Line(self)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(client, requests, line.spoken))
                both.create_task(_pass(server, answers, line.answered))
        finally:
            requests.close()
            answers.close()


class _Line:
    """One connection: whose turn it was, and how far the server's messages have been read."""

    def __init__(self, tap: WireTap) -> None:
        self._tap = tap
        self._server_spoke_last = True
        self._rest = b""

    def spoken(self, _data: bytes) -> None:
        if self._server_spoke_last:
            self._tap.round_trips += 1
        self._server_spoke_last = False

    def answered(self, data: bytes) -> None:
        self._server_spoke_last = True
        data = self._rest + data
        place = 0
        while len(data) - place >= 5:
            end = place + 1 + int.from_bytes(data[place + 1 : place + 5])
            if end > len(data):
                break
            if data[place] == _READY_FOR_QUERY:
                self._tap.ready_for_query += 1
            place = end
        self._rest = data[place:]


async def _pass(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, count: Callable[[bytes], None]
) -> None:
    while data := await source.read(65_536):
        count(data)
        target.write(data)
        with contextlib.suppress(ConnectionError):
            await target.drain()
    target.close()
