"""Connections wait no longer than they should, errors are told apart, passwords stay secret."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import PoolTimeout, TooManyRequests

from bursar.db import pool
from bursar.db.pool import ReadPool, is_connection_lost, is_transient, open_connection, redact
from bursar.db.scratch import ScratchDatabase
from bursar.settings import Settings
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS, until

SETTINGS = Settings(
    lock_timeout_ms=120, statement_timeout_ms=4000, pool_size_max=2, retry_backoff_ms=1
)


@pytest.fixture
async def reads(empty_database: ScratchDatabase) -> AsyncIterator[ReadPool]:
    made = ReadPool(empty_database.url, SETTINGS)
    await made.open()
    yield made
    await made.close()


async def test_a_connection_has_our_limits(empty_database: ScratchDatabase) -> None:
    connection = await open_connection(empty_database.url, SETTINGS, lock_timeout_ms=70)
    async with connection:
        assert connection.autocommit
        for name, expected in (
            ("application_name", "bursar"),
            ("lock_timeout", "70ms"),
            ("statement_timeout", "4s"),
            ("jit", "off"),
        ):
            cursor = await connection.execute("SELECT current_setting(%s)", [name])
            assert await cursor.fetchone() == (expected,)
        assert connection.prepare_threshold == 1


async def test_behind_a_pooler_nothing_is_prepared(
    empty_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pooler answers with a process id of its own; the server knows another one.
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", -1)
    async with await open_connection(empty_database.url, SETTINGS) as connection:
        assert connection.prepare_threshold is None


class Greeter:
    """Stands before the database, passes the greeting, and keeps every question to itself."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self.questions = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._target)
        self._writers += [writer, inner_writer]
        await asyncio.gather(
            self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer)
        )

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if data.startswith((b"Q", b"P")):
                self.questions += 1
            elif not self.questions:
                writer.write(data)
        writer.close()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def greeter(empty_database: ScratchDatabase) -> AsyncIterator[tuple[Greeter, str]]:
    """A greeter before the database, and the URL that goes through it."""
    known = conninfo_to_dict(empty_database.url)
    made = Greeter(f"{known['host']}/.s.PGSQL.{known['port']}")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield made, make_conninfo(empty_database.url, host="127.0.0.1", hostaddr="127.0.0.1", port=port)
    server.close()
    await made.close()


async def test_who_is_greeted_and_then_left_waiting_gives_up_in_time(
    greeter: tuple[Greeter, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, url = greeter
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", 1)
    started = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(psycopg.OperationalError, match="answer") as caught:
            await open_connection(url, SETTINGS)
    assert is_connection_lost(caught.value)
    # psycopg's own way to give up asks the peer to cancel, twice five seconds long.
    assert time.monotonic() - started < 4
    assert relay.questions == 1


async def test_the_pool_is_not_kept_waiting_by_one_that_only_greets(
    greeter: tuple[Greeter, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, url = greeter
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", 1)
    started = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(PoolTimeout):
            await ReadPool(url, SETTINGS).open()
    assert time.monotonic() - started < 4
    assert relay.questions


async def test_a_caller_who_gives_up_while_connecting_is_not_kept_waiting_either(
    greeter: tuple[Greeter, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, url = greeter
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", int(AGE_SECONDS))
    opening = asyncio.create_task(open_connection(url, SETTINGS))
    await until(lambda: relay.questions == 1)
    started = time.monotonic()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert time.monotonic() - started < 4


async def test_whatever_the_database_s_own_level_is_we_read_what_is_committed(
    empty_database: ScratchDatabase,
) -> None:
    empty_database.connect().execute(
        f"ALTER DATABASE {empty_database.name} SET default_transaction_isolation = 'serializable'"
    )
    empty_database.connect().execute(
        f"ALTER DATABASE {empty_database.name} SET default_transaction_read_only = on"
    )
    async with await open_connection(empty_database.url, SETTINGS) as connection:
        for name, expected in (
            ("transaction_isolation", "read committed"),
            ("transaction_read_only", "on"),  # What a replica, or a role, is kept to.
        ):
            cursor = await connection.execute("SELECT current_setting(%s)", [name])
            assert await cursor.fetchone() == (expected,)


async def test_the_pool_reads_with_our_limits(reads: ReadPool) -> None:
    assert await reads.read("SELECT 1 UNION ALL SELECT %s ORDER BY 1", [2]) == [(1,), (2,)]
    assert await reads.read_value("SELECT current_setting('lock_timeout')") == "120ms"
    assert await reads.read_value("SELECT 1 WHERE false") is None
    assert reads.counts()["pool_max"] == SETTINGS.pool_size_max


async def test_a_read_survives_a_lost_connection(
    reads: ReadPool, empty_database: ScratchDatabase
) -> None:
    first = await reads.read_value("SELECT pg_backend_pid()")
    empty_database.connect().execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert await reads.read_value("SELECT pg_backend_pid()") not in {None, first}


async def test_the_pool_is_bounded_in_size_and_in_waiting(reads: ReadPool) -> None:
    release = asyncio.Event()
    borrowed = 0

    async def borrow() -> str:
        nonlocal borrowed
        try:
            async with reads.connection():
                borrowed += 1
                await release.wait()
        except TooManyRequests:
            return "refused"
        return "served"

    tasks = [asyncio.create_task(borrow()) for _ in range(SETTINGS.pool_size_max)]
    while borrowed < SETTINGS.pool_size_max:
        await asyncio.sleep(0.01)
    waiting = SETTINGS.pool_size_max * 32
    tasks += [asyncio.create_task(borrow()) for _ in range(waiting + 5)]
    while sum(task.done() for task in tasks) < 5:
        await asyncio.sleep(0.01)
    release.set()
    answers = await asyncio.gather(*tasks)
    assert answers.count("refused") == 5


def error_of(sqlstate: str) -> psycopg.Error:
    return psycopg.errors.lookup(sqlstate)()


@pytest.mark.parametrize(
    "sqlstate",
    ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08006", "08P01", "53300"],
)
def test_errors_that_pass_are_transient(sqlstate: str) -> None:
    assert is_transient(error_of(sqlstate))


@pytest.mark.parametrize("sqlstate", ["23505", "22003", "42501", "57014", "53100", "25006"])
def test_errors_that_stay_are_not_transient(sqlstate: str) -> None:
    assert not is_transient(error_of(sqlstate))
    assert not is_connection_lost(error_of(sqlstate))


def test_a_lost_connection_is_transient_and_leaves_the_outcome_unknown() -> None:
    lost = psycopg.OperationalError("the connection is lost")
    assert is_transient(lost)
    assert is_connection_lost(lost)
    assert not is_connection_lost(error_of("40P01"))
    for other in (PoolTimeout(), ValueError()):
        assert not is_transient(other)
        assert not is_connection_lost(other)


async def test_a_retry_gives_up_after_its_budget_with_bounded_waits() -> None:
    calls, waits = 0, []

    async def fail() -> None:
        nonlocal calls
        calls += 1
        raise error_of("40P01")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(psycopg.errors.DeadlockDetected):
        await pool.retry(fail, attempts=9, backoff_ms=50, sleep=sleep)
    assert calls == 9
    assert len(waits) == 8
    ceilings = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert all(0 <= wait <= top for wait, top in zip(waits, ceilings, strict=True))
    assert len(set(waits)) == len(waits), "no jitter"


async def test_a_retry_stops_at_success_and_at_an_error_that_stays() -> None:
    errors = [error_of("40001"), psycopg.OperationalError("lost")]

    async def call() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert await pool.retry(call, attempts=3, backoff_ms=1) == "done"
    errors = [error_of("40001"), error_of("23505")]
    with pytest.raises(psycopg.errors.UniqueViolation):
        await pool.retry(call, attempts=3, backoff_ms=1)
    assert len(errors) == 1


async def test_connections_that_ended_while_nobody_used_them_are_passed_over(
    reads: ReadPool, empty_database: ScratchDatabase
) -> None:
    async with reads.connection() as one, reads.connection() as other:
        both = (one, other)
    assert not any(pool.has_ended(connection) for connection in both)
    for connection in both:
        empty_database.connect().execute(
            "SELECT pg_terminate_backend(%s)", [connection.info.backend_pid]
        )
    await until(lambda: all(pool.has_ended(connection) for connection in both))
    async with reads.standing_connection() as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ann:s3cr!t@db:5432/app", "postgresql://ann:***@db:5432/app"),
        ("postgresql://ann:s3/c@r3t@db/app", "postgresql://ann:***@db/app"),
        ("postgres://:s3cret@/app?host=%2Frun", "postgres://:***@/app?host=%2Frun"),
        ("postgresql:///app?password=s3cret&user=a", "postgresql:///app?password=***&user=a"),
        ("host=db password='s3 \\'cret' user=a", "host=db password=*** user=a"),
        ("PASSWORD = s3cret dbname=app", "PASSWORD = *** dbname=app"),
        ("postgresql://ann@db/app", "postgresql://ann@db/app"),
        ("no url at all", "no url at all"),
    ],
)
def test_passwords_are_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected
