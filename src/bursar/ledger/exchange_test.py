import asyncio
import select
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import psycopg
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bursar.db.pool import open_connection
from bursar.db.scratch import ScratchDatabase
from bursar.ledger.exchange import Exchange
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS, wait_until

ECHO = b"SELECT $1::text"
# Larger than what socket and server keep between them, so that sending has to wait for reading.
LARGE = b'"' + b"x" * 8_000_000 + b'"'

Open = Callable[..., Awaitable[Exchange]]


@pytest.fixture
async def open_exchange(empty_database: ScratchDatabase) -> AsyncIterator[Open]:
    """Open exchanges with the database; they are closed after the test."""
    opened: list[Exchange] = []

    async def open_one(*, prepare: bool = True) -> Exchange:
        connection = await open_connection(empty_database.url, Settings(), prepare_threshold=None)
        opened.append(Exchange(connection, prepare=prepare))
        return opened[-1]

    yield open_one
    for exchange in opened:
        await exchange.close()


@pytest.fixture(params=[True, False], ids=["prepared", "not prepared"])
async def exchange(open_exchange: Open, request: pytest.FixtureRequest) -> Exchange:
    return await open_exchange(prepare=request.param)


async def pid(exchange: Exchange) -> int:
    return int(await exchange.ask("pid", b"SELECT pg_backend_pid(), $1", b"0") or b"")


async def seen_as_lost(exchange: Exchange) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while exchange.is_open:
            await asyncio.sleep(0.01)


async def test_each_answer_belongs_to_its_statement(exchange: Exchange) -> None:
    for number in range(20):
        assert await exchange.ask("echo", ECHO, b"%d" % number) == b"%d" % number
        assert await exchange.ask("next", b"SELECT $1::int + 1", b"%d" % number) == (
            b"%d" % (number + 1)
        )


async def test_there_may_be_no_value_and_no_row(exchange: Exchange) -> None:
    assert await exchange.ask("null", b"SELECT nullif($1, $1)", b"1") is None
    assert await exchange.ask("none", b"SELECT 1 WHERE $1 IS NULL", b"1") is None
    assert await exchange.ask("echo", ECHO, b"1") == b"1"


async def test_large_arguments_and_answers_pass_each_other(exchange: Exchange) -> None:
    for _ in range(3):
        assert await exchange.ask("echo", ECHO, LARGE) == LARGE
    assert await exchange.ask("echo", ECHO, b"1") == b"1"


async def test_only_the_first_of_a_name_is_parsed(open_exchange: Open) -> None:
    count = b"SELECT count(*) FROM pg_prepared_statements WHERE $1 IS NOT NULL"
    exchange = await open_exchange()
    for _ in range(3):
        await exchange.ask("echo", ECHO, b"1")
    assert await exchange.ask("count", count, b"1") == b"2"
    assert await exchange.ask("n" * 60, b"SELECT $1::text || '!'", b"1") == b"1!"
    assert await exchange.ask("count", count, b"1") == b"2"


async def test_what_the_server_refuses_is_an_error_and_the_next_is_answered(
    exchange: Exchange,
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero) as refused:
        await exchange.ask("fails", b"SELECT 6 / $1::int", b"0")
    assert refused.value.diag.message_primary == "division by zero"
    with pytest.raises(psycopg.errors.UndefinedFunction):
        await exchange.ask("lacks", b"SELECT no_such_function($1)", b"0")
    assert await exchange.ask("fails", b"SELECT 6 / $1::int", b"2") == b"3"


async def test_what_fails_only_at_commit_is_no_answer(
    exchange: Exchange, empty_database: ScratchDatabase
) -> None:
    empty_database.connect().execute(
        "CREATE TABLE mark (n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)"
    )
    mark = b"INSERT INTO mark SELECT $1::int RETURNING n"
    assert await exchange.ask("mark", mark, b"1") == b"1"
    with pytest.raises(psycopg.errors.UniqueViolation):
        await exchange.ask("mark", mark, b"1")
    assert await exchange.ask("mark", mark, b"2") == b"2"


async def test_a_connection_ended_between_statements_is_seen(
    exchange: Exchange, empty_database: ScratchDatabase
) -> None:
    number = await pid(exchange)
    empty_database.connect().execute("SELECT pg_terminate_backend(%s)", [number])
    await seen_as_lost(exchange)
    with pytest.raises(psycopg.OperationalError):
        await exchange.ask("echo", ECHO, b"1")


async def test_whoever_waits_hears_why_the_server_ended_the_connection(
    exchange: Exchange, empty_database: ScratchDatabase
) -> None:
    number = await pid(exchange)
    waiting = asyncio.create_task(exchange.ask("sleep", b"SELECT pg_sleep($1::int)", b"60"))
    watcher = empty_database.connect()
    sleeps = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    await asyncio.to_thread(
        wait_until, lambda: watcher.execute(sleeps, [number]).fetchone() is not None
    )
    watcher.execute("SELECT pg_terminate_backend(%s)", [number])
    with pytest.raises(psycopg.errors.AdminShutdown):
        await waiting


async def test_one_that_is_cut_fails_at_once(exchange: Exchange) -> None:
    waiting = asyncio.create_task(exchange.ask("sleep", b"SELECT pg_sleep($1::int)", b"60"))
    await asyncio.sleep(0.05)
    exchange.cut()
    with pytest.raises(psycopg.OperationalError):
        await waiting
    assert not exchange.is_open


class Relay(threading.Thread):
    """Stands before the database until it goes deaf; then away, with a word and a question unread.

    So does a server's process that is ended because another one was killed.
    """

    def __init__(self, database: ScratchDatabase) -> None:
        super().__init__()
        self.deaf, self.gone = threading.Event(), threading.Event()
        known = conninfo_to_dict(database.url)
        self._target = f"{known['host']}/.s.PGSQL.{known['port']}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.url = make_conninfo(database.url, host=host, hostaddr=host, port=port)

    def run(self) -> None:
        with (
            self._listener,
            self._listener.accept()[0] as near,
            socket.socket(socket.AF_UNIX) as far,
        ):
            far.connect(self._target)
            while not self.deaf.is_set():
                for ready in select.select([near, far], [], [], 0.02)[0]:
                    (far if ready is near else near).sendall(ready.recv(65536))
            self.gone.wait(PATIENCE_SECONDS)
            near.sendall(b"N\0\0\1\0SWARNING")


# The service runs on uvloop, an application perhaps on asyncio's own loop.
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_peer_that_goes_away_with_the_question_unread_is_noticed(
    empty_database: ScratchDatabase, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    relay = Relay(empty_database)
    relay.start()

    async def ask_the_deaf() -> None:
        connection = await open_connection(relay.url, Settings(), prepare_threshold=None)
        exchange = Exchange(connection, prepare=True)
        assert await exchange.ask("echo", ECHO, b"1") == b"1"
        relay.deaf.set()
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(exchange.ask("echo", ECHO, b"2"))
        await asyncio.sleep(0.1)
        relay.gone.set()
        relay.join()  # Meanwhile the loop does nothing: the word and the end are seen together.
        with pytest.raises(psycopg.OperationalError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await waiting
        assert not exchange.is_open

    run(ask_the_deaf())


async def test_a_closed_one_leaves_the_number_of_its_socket_to_others(
    open_exchange: Open,
) -> None:
    first = await open_exchange()
    number = first._socket
    first.cut()
    await seen_as_lost(first)
    second = await open_exchange()
    assert second._socket == number

    await first.close()
    first.cut()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await second.ask("echo", ECHO, b"1") == b"1"


async def test_notices_are_no_answers(exchange: Exchange, empty_database: ScratchDatabase) -> None:
    empty_database.connect().execute(
        "CREATE FUNCTION tell(words jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN"
        " FOR n IN 1..100 LOOP RAISE NOTICE '% %', n, words; END LOOP; RETURN words; END $$"
    )
    assert await exchange.ask("tell", b"SELECT tell($1)", b"1") == b"1"
    assert await exchange.ask("echo", ECHO, b"2") == b"2"
