"""One connection to the database that carries batches: one statement, one round trip each.

What can go wrong is sorted into three kinds here, because each asks for another answer: the
transaction was undone and may be tried again, the connection was lost and nobody knows, or the
database refused the statement itself.
"""

import asyncio
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from bursar.db.pool import open_connection
from bursar.errors import BursarError, Fault
from bursar.ledger.exchange import Exchange
from bursar.settings import Settings

# A statement that outlives the server's own time limit by this much is on a dead connection.
GRACE_SECONDS = 5

# Rolled back for sure, and likely to pass when tried again: serialization failure, deadlock,
# lock not available, a server that turned read-only, and want of memory, disk or connections.
_UNDONE = ("40001", "40P01", "55P03", "25006")
_UNDONE_CLASS = "53"
# A function, a table or a type went away since the statement began: the schema moves.
_MOVED = ("42883", "42P01", "42704")
_MOVED_WORDS = "cache lookup failed for "
_NO_SUCH_VERB = ("42883", "There is no such verb")
# A pooler that hands out another server connection has lost, or already has, our statement.
_PREPARE_TROUBLE = ("26000", "42P05")
_LOST = ("57P01", "57P02", "57P03", "57P05")
_LOST_CLASS = "08"
_STATEMENT_TIMEOUT = "57014"

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Undone(BursarError):
    """The transaction was rolled back; the same batch may be tried again."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"The transaction was rolled back ({sqlstate}).")
        self.sqlstate = sqlstate


class TimedOut(Undone):
    """The statement was cancelled by its time limit, and rolled back."""


class Lost(BursarError):
    """There is no connection (any more). `sent` says that the database may have seen the batch."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("The connection to the database was lost.")
        self.sent = sent


class Rejected(Fault):
    """The database failed the statement for a reason that trying again does not change."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"The request failed: {sqlstate} {message}")
        self.sqlstate = sqlstate


class Moved(Rejected):
    """The schema moved under the statement. The next try meets it as it is then; or it is a fault.

    `app_is_down` says that the database has no function that carries the verb out.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(sqlstate, message)
        self.app_is_down = sqlstate == _NO_SUCH_VERB[0] and message.startswith(_NO_SUCH_VERB[1])


class Wire:
    """A connection that opens itself when it is needed and again when it was lost.

    With `prepare`, a verb's statement is parsed once for each connection. Behind a pooler that
    cannot keep prepared statements this turns itself off at the first complaint. The wait for a
    wallet's lock is `lock_timeout_ms`, by default that of the settings.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        *,
        prepare: bool = True,
        lock_timeout_ms: int | None = None,
    ) -> None:
        self._url = url
        self._lock_timeout_ms = lock_timeout_ms
        self._settings = settings
        self._prepare = prepare
        self._exchange: Exchange | None = None
        self._statements: dict[str, bytes] = {}
        self.round_trips = 0
        self.connections = 0

    async def open(self) -> None:
        """Connect, unless that is done already. Raises `Lost` when the database is not there."""
        await self._opened()

    async def carry(self, verb: str, body: bytes) -> list[dict[str, Any]]:
        """Send one batch, a JSON array, to `bursar.carry` and return its outcomes.

        Raises `Undone`, `Lost` or `Rejected`.
        """
        exchange = await self._opened()
        limit = self._settings.statement_timeout_ms / 1000 + GRACE_SECONDS
        watchdog = asyncio.get_running_loop().call_later(limit, exchange.cut)
        self.round_trips += 1
        try:
            answer = await exchange.ask(verb, self._statement(verb), body)
        except psycopg.Error as error:
            raise await self._sorted(error, exchange) from error
        except BaseException:
            # Whatever was on the wire is no longer understood.
            await self.close()
            raise
        finally:
            watchdog.cancel()
        if answer is None:
            raise Rejected("XX000", "the answer is empty")
        try:
            return _decode(answer)
        except msgspec.MsgspecError as error:
            raise Rejected("XX000", "the answer is not an array of outcomes") from error

    async def close(self) -> None:
        """Close the connection; the next batch opens another."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()

    async def _opened(self) -> Exchange:
        if self._exchange is not None:
            if self._exchange.is_open:
                return self._exchange
            await self.close()
        try:
            connection = await open_connection(
                self._url,
                self._settings,
                lock_timeout_ms=self._lock_timeout_ms,
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            raise Lost(sent=False) from error
        self.connections += 1
        self._exchange = Exchange(connection, prepare=self._prepare)
        return self._exchange

    def _statement(self, verb: str) -> bytes:
        statement = self._statements.get(verb)
        if statement is None:
            text = sql.SQL("SELECT bursar.carry({}, $1)").format(sql.Literal(verb))
            statement = self._statements[verb] = text.as_bytes()
        return statement

    async def _sorted(self, error: psycopg.Error, exchange: Exchange) -> BursarError:
        sqlstate = error.sqlstate or ""
        if not exchange.is_open or sqlstate in _LOST or sqlstate.startswith(_LOST_CLASS):
            await self.close()
            return Lost(sent=True)
        if sqlstate in _PREPARE_TROUBLE:
            self._prepare = False
            await self.close()
            return Undone(sqlstate)
        if sqlstate == _STATEMENT_TIMEOUT:
            return TimedOut(sqlstate)
        if sqlstate in _UNDONE or sqlstate.startswith(_UNDONE_CLASS):
            if sqlstate == "25006":  # Another server may have become the primary one.
                await self.close()
            return Undone(sqlstate)
        if not sqlstate:
            # psycopg itself gave up: the state of the connection is not known.
            await self.close()
            return Lost(sent=True)
        message = error.diag.message_primary or ""
        if sqlstate in _MOVED or message.startswith(_MOVED_WORDS):
            return Moved(sqlstate, message)
        return Rejected(sqlstate, message)
