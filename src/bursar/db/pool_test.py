"""Connections wait no longer than they should, errors are told apart, passwords stay secret."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg_pool import PoolTimeout, TooManyRequests

from bursar.db import pool
from bursar.db.pool import ReadPool, is_connection_lost, is_transient, open_connection, redact
from bursar.db.scratch import ScratchDatabase
from bursar.settings import Settings

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
