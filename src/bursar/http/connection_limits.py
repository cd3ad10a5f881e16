"""What one connection may cost: bytes and seconds of a head, requests in line, an unread answer.

uvicorn bounds none of these where httptools parses for it. What is here hooks into its protocol
only by methods and attributes that the tests beside it use on a real server.
"""

import os
from asyncio import TimerHandle, Transport
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bursar.http.problem import PROBLEM_JSON, ProblemError, as_problem

# One header block: a token, a key and what browsers add fit many times.
HEADER_BYTES_MAX = 32_768
# A head is a packet or two. This long, what was lost of it on the way was sent three times more.
HEAD_SECONDS = 10.0
# Requests sent before the one before them was answered. Each is small to send and large to keep.
PIPELINED_MAX = 256
# Whoever reads at a megabit each second has so long besides, for a line that was away.
UNREAD_SECONDS = 30.0
UNREAD_BYTES_PER_SECOND = 131_072


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection, which ends when it costs more than the limits above.

    Time is kept only of who is being waited for. A request that comes whole on a connection that
    was used before starts no timer, and neither a stream nor a long wait for an answer is bounded
    here: those are the app's. What every request passes names the class above, since `super()`
    costs more than all that is done there.
    """

    # What came since the parser last made something of it: a head, a piece of a body, an end.
    _unparsed = 0
    _patience: TimerHandle | None = None
    _unread: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for the first head, not for ever."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        super().connection_lost(exc)
        for timer in (self._patience, self._unread):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and look at what it left."""
        if len(data) + self._unparsed < HEADER_BYTES_MAX:
            self._unparsed += len(data)
            HttpToolsProtocol.data_received(self, data)
        else:
            self._parse_in_pieces(data)
        if len(self.pipeline) > PIPELINED_MAX:
            self.transport.abort()
        # Also the rest of a body that was answered early is waited for no longer than a head:
        # it stopped uvicorn's clock of connections that nobody uses.
        cycle = self.cycle
        if (cycle is None or cycle.response_complete) and self._patience is None:
            self._wait_for_head()

    def _parse_in_pieces(self, data: bytes) -> None:
        """Parse no more at once than a head may still have, so that none can be larger.

        One that begins behind another request in the same piece may be up to twice as large.
        """
        while data and len(self.pipeline) <= PIPELINED_MAX and not self.transport.is_closing():
            room = HEADER_BYTES_MAX - self._unparsed
            piece, data = data[:room], data[room:]
            self._unparsed += len(piece)
            super().data_received(piece)
            if self._unparsed >= HEADER_BYTES_MAX:
                sentence = f"The head is larger than {HEADER_BYTES_MAX} bytes."
                self._refuse(ProblemError(431, "HEAD_TOO_LARGE", sentence))

    def on_headers_complete(self) -> None:
        """Take note that the head is there."""
        self._unparsed = 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        HttpToolsProtocol.on_headers_complete(self)

    def on_body(self, body: bytes) -> None:
        """Take note of a piece of a body, whose length is the app's to bound."""
        self._unparsed = 0
        HttpToolsProtocol.on_body(self, body)

    def on_chunk_complete(self) -> None:
        """Take note of the end of a chunk; that of the last is behind headers of its own.

        httptools calls it where it is there; uvicorn has none.
        """
        self._unparsed = 0

    def on_response_complete(self) -> None:
        """Bound also how long the end of a last answer is waited with."""
        HttpToolsProtocol.on_response_complete(self)
        if self.transport.is_closing():
            self._wait_for_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that nobody uses, also one whose last answer is not read."""
        super().timeout_keep_alive_handler()
        self._wait_for_reader()

    def pause_writing(self) -> None:
        """Have the app wait for a reader that does not keep up, not for ever."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Let the app go on. What a closed connection still has to send has its time already."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def _wait_for_head(self) -> None:
        # In two halves: when the process stood still, what came meanwhile is read between them.
        self._patience = self.loop.call_later(HEAD_SECONDS / 2, self._wait_on)

    def _wait_on(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS / 2, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._unparsed:
            sentence = f"The head did not arrive within {HEAD_SECONDS:g} seconds."
            self._refuse(ProblemError(408, "TIMEOUT", sentence))
        else:
            self.transport.close()
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        size = self.transport.get_write_buffer_size()
        if size and self._unread is None:
            seconds = UNREAD_SECONDS + size / UNREAD_BYTES_PER_SECOND
            self._unread = self.loop.call_later(seconds, self.transport.abort)

    def _refuse(self, problem: ProblemError) -> None:
        """Say no and close; say nothing where it would stand in the midst of another answer."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        request_id = os.urandom(8).hex()
        body = as_problem(problem, request_id)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", PROBLEM_JSON),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
        ]
        lines = [b"HTTP/1.1 %d %b" % (problem.status, HTTPStatus(problem.status).phrase.encode())]
        lines += [b"%b: %b" % header for header in headers]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()
        self._wait_for_reader()
