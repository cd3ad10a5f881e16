"""A relay before a database, with which a test breaks connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bursar.db.scratch import ScratchDatabase


class Relay:
    """Passes on what comes, at `url`, until it is shut or cut, or a number of bytes was answered.

    The answer to a question that has the bytes `loses` in it is lost, once, and so is what it came
    on; what was asked, the database does. While it hangs, whoever connects gets no word.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.open = True
        self.bytes_left: int | None = None
        self.loses = b""
        self.answered = 0
        self.questions = 0
        self._target = target
        self._passes = asyncio.Event()
        self._passes.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between one connection and the database."""
        await self._passes.wait()
        if not self.open:
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._target)
        self._writers += [writer, inner_writer]

        async def questions() -> None:
            while data := await reader.read(65536):
                self.questions += 1
                if self.loses and self.loses in data:
                    self.loses, self.bytes_left = b"", 0
                inner_writer.write(data)
            inner_writer.close()

        async def answers() -> None:
            while data := await inner_reader.read(65536):
                self.answered += len(data)
                if self.bytes_left is not None:
                    data = data[: self.bytes_left]
                    self.bytes_left -= len(data)
                writer.write(data)
                if self.bytes_left == 0:
                    self.bytes_left = None
                    await writer.drain()
                    break
            writer.close()
            inner_writer.close()

        await asyncio.gather(questions(), answers(), return_exceptions=True)

    def cut(self) -> None:
        """End all connections there are; what the database is about to do, it does."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def hang(self) -> None:
        """Leave whoever connects from now on without a word."""
        self._passes.clear()

    def pass_on(self) -> None:
        """Connect those who were left without a word, and whoever comes."""
        self._passes.set()


@asynccontextmanager
async def relay_before(database: ScratchDatabase, url: str = "") -> AsyncIterator[Relay]:
    """Set up a relay before the database; `url` is whom it connects as, by default the owner."""
    known = conninfo_to_dict(database.url)
    relay = Relay(f"{known['host']}/.s.PGSQL.{known['port']}")
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    relay.url = make_conninfo(
        url or database.url, host="127.0.0.1", hostaddr="127.0.0.1", port=port
    )
    try:
        yield relay
    finally:
        relay.pass_on()
        relay.cut()
        server.close()
