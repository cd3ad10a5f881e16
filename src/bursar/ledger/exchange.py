"""Statements over a connection's own socket, which the event loop watches while it is open.

A psycopg cursor registers the socket anew for each statement, and looks twice; for a statement that
takes a millisecond that is a tenth of it. Everything else is left to psycopg: how to connect, what
a result is, and which error it means.
"""

import asyncio
import contextlib
from typing import Any

import psycopg
from psycopg import pq

from bursar.db.pool import cut

_NAME_BYTES_MAX = 63  # What the server keeps of a name.
_NAME = "bursar_"
_TEXT = int(pq.Format.TEXT)
_JSONB_OID = psycopg.adapters.types["jsonb"].oid
_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


class Exchange:
    """One statement at a time with one `jsonb` argument, and one value back.

    While it is open nobody else may use the connection. With `prepare`, a statement is parsed the
    first time it is asked, under its own name.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], *, prepare: bool) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._prepare = prepare
        self._prepared: set[bytes] = set()
        self._result: pq.abc.PGresult | None = None
        self._answer: asyncio.Future[pq.abc.PGresult] | None = None
        self._loop = asyncio.get_running_loop()
        # None once it is no longer watched: the number may then be that of another's socket.
        self._socket: int | None = self._pgconn.socket
        self._is_sending = False
        self._loop.add_reader(self._socket, self._take_in)

    @property
    def is_open(self) -> bool:
        """Whether the next statement can be sent, as far as is known."""
        return not self._connection.closed

    async def ask(self, name: str, statement: bytes, argument: bytes) -> bytes | None:
        """Send the statement and return the first value of its first row, as text.

        `statement` is always the same for one `name`; `argument` is JSON in UTF-8. Raises
        `psycopg.Error`. A caller who gives up must `close` before the next statement.
        """
        prepared = f"{_NAME}{name}".encode()
        if not self._prepare or len(prepared) > _NAME_BYTES_MAX:
            self._pgconn.send_query_params(statement, [argument], [_JSONB_OID])
        else:
            if prepared not in self._prepared:
                self._pgconn.send_prepare(prepared, statement, [_JSONB_OID])
                await self._answered()
                self._prepared.add(prepared)
            self._pgconn.send_query_prepared(prepared, [argument])
        result = await self._answered()
        return result.get_value(0, 0) if result.ntuples else None

    async def close(self) -> None:
        """Close the connection, whatever is on its way. Never raises."""
        self._unwatch()
        with contextlib.suppress(psycopg.Error, OSError):
            await self._connection.close()

    def cut(self) -> None:
        """End a connection that no longer answers, so that whoever waits for it hears of it."""
        if self._socket is not None:
            cut(self._socket)
            self._watch_again()

    async def _answered(self) -> pq.abc.PGresult:
        self._result = None
        self._answer = self._loop.create_future()
        self._send_on()
        try:
            result = await self._answer
        finally:
            self._answer = None
        if result.status not in _GOOD:
            raise psycopg.errors.error_from_result(result)
        return result

    def _send_on(self) -> None:
        """Send what the socket takes now; the loop calls again while something is left."""
        try:
            is_left = bool(self._pgconn.flush())
        except psycopg.Error as error:
            self._break_off(error)
            return
        if self._socket is None or is_left == self._is_sending:
            return
        self._is_sending = is_left
        if is_left:
            self._loop.add_writer(self._socket, self._send_on)
        else:
            self._loop.remove_writer(self._socket)

    def _take_in(self) -> None:
        """Read what has come. What was asked is answered, and committed, once nothing follows."""
        pgconn = self._pgconn
        try:
            pgconn.consume_input()
            while self._answer is not None and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    if self._result is not None and not self._answer.done():
                        self._answer.set_result(self._result)
                    break
                self._result = result
        except psycopg.Error as error:
            self._break_off(error)
        else:
            if self._answer is not None and not self._answer.done():
                self._watch_again()

    def _watch_again(self) -> None:
        """Watch the socket for certain.

        When a socket has an error, libuv calls once and stops watching it, without a word. What was
        read in that call may be what came before the error, and then the end is still to be heard.
        """
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.add_reader(self._socket, self._take_in)

    def _break_off(self, error: psycopg.Error) -> None:
        """There is no connection any more: whoever waits hears why, if the server has said so.

        Rows alone prove nothing, since the server sends them before it commits.
        """
        self._unwatch()
        self._pgconn.finish()
        if self._answer is None or self._answer.done():
            return
        if self._result is not None and self._result.status not in _GOOD:
            self._answer.set_result(self._result)
        else:
            self._answer.set_exception(error)

    def _unwatch(self) -> None:
        watched, self._socket = self._socket, None
        if watched is not None:
            self._loop.remove_reader(watched)
            self._loop.remove_writer(watched)
