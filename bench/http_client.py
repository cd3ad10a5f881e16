"""A small HTTP/1.1 client: one keep-alive connection, one request on its way at a time.

A general client would take more processor time than the servers it measures.
"""

import asyncio
from typing import Self, cast

import httptools


class Connection(asyncio.Protocol):
    """One connection to a server. Open it with `Connection.open`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect."""
        _, made = await asyncio.get_running_loop().create_connection(cls, host, port)
        return made

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a whole request; the future gives the status and the body of its answer."""
        if self._transport is None or not self.is_open:
            raise ConnectionError("The server has closed the connection.")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent; a server closes what was idle for long."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own does not inherit it

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("The server closed the connection."))

    # What the parser calls.

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), body))
        if not self._parser.should_keep_alive():
            self.close()
