import asyncio
import time

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger import quarantine
from bursar.ledger.conftest import OpenEngine
from bursar.ledger.engine import Engine
from bursar.ledger.engine_test import effects, purchase
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS, until
from tests.relay import Relay

AGE_MS = int(AGE_SECONDS * 1000)


def hold_purse(database: ScratchDatabase, owner_id: str) -> psycopg.Connection:
    session = database.connect(autocommit=False)
    session.execute("INSERT INTO bursar.purse VALUES (%s) ON CONFLICT DO NOTHING", [owner_id])
    session.commit()
    session.execute("SELECT FROM bursar.purse WHERE owner_id = %s FOR UPDATE", [owner_id])
    return session


def is_resting(engine: Engine, payer: str) -> bool:
    """Whether requests of this payer wait for the next try."""
    known = engine._quarantine._payers.get(payer)
    return known is not None and bool(known.resting)


def lose_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have those who wait for a busy wallet find that they have waited long enough."""
    now = quarantine._now
    monkeypatch.setattr(quarantine, "_now", lambda: now() + 2 * AGE_SECONDS)


async def test_a_busy_wallet_delays_only_its_own_requests(
    open_engine: OpenEngine, stand_in: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await open_engine(busy_timeout_ms=AGE_MS)
    hold_purse(stand_in, "ada")
    busy = []
    for n in range(1, 61):
        busy.append(asyncio.create_task(engine.call("spend", purchase("ada", n))))
        assert (await engine.call("spend", purchase(f"owner {n}")))["status"] == "done"
    # Only the very first one made others wait for ada's lock.
    assert not any(task.done() for task in busy)
    assert engine.busy_payers == 1
    lose_patience(monkeypatch)
    started = time.perf_counter()
    assert {outcome["code"] for outcome in await asyncio.gather(*busy)} == {"BUSY"}
    assert time.perf_counter() - started < PATIENCE_SECONDS
    assert engine.queue_length == 0
    assert effects(stand_in) == 60


async def test_a_wallet_let_go_in_time_is_served_without_the_caller_noticing(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(busy_timeout_ms=AGE_MS)
    session = hold_purse(stand_in, "ada")
    tasks = [asyncio.create_task(engine.call("spend", purchase("ada", n))) for n in range(1, 11)]
    await until(lambda: engine.statistics.busy_seen > 0)
    session.rollback()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)
    assert [outcome["echo"] for outcome in outcomes] == list(range(1, 11))
    assert engine.statistics.busy_answered == 0
    assert engine.busy_payers == 0


async def test_the_free_wallets_of_a_batch_are_answered_while_the_busy_one_is_tried_again(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(busy_timeout_ms=300)
    hold_purse(stand_in, "ada")
    outcomes = await engine.call_batch(
        "batch", [purchase("bob", 1), purchase("ada", 2), purchase("cyd", 3)]
    )
    assert [outcome.get("echo", outcome.get("code")) for outcome in outcomes] == [1, "BUSY", 3]
    assert effects(stand_in) == 2


async def test_no_more_wait_for_busy_wallets_than_their_share_of_the_line(
    open_engine: OpenEngine, stand_in: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await open_engine(busy_timeout_ms=AGE_MS, queue_size_max=40)
    hold_purse(stand_in, "ada")
    first = asyncio.create_task(engine.call("spend", purchase("ada")))
    await until(lambda: engine.busy_payers == 1)
    rest = [asyncio.create_task(engine.call("spend", purchase("ada"))) for _ in range(30)]
    await until(lambda: sum(task.done() for task in rest) >= 21)
    assert (await engine.call("spend", purchase("bob")))["status"] == "done"
    assert sum(task.done() for task in rest) == 21
    lose_patience(monkeypatch)
    outcomes = await asyncio.gather(first, *rest)
    assert {outcome["code"] for outcome in outcomes} == {"BUSY"}


async def test_close_answers_those_who_wait_for_a_busy_wallet(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(busy_timeout_ms=AGE_MS)
    hold_purse(stand_in, "ada")
    tasks = [asyncio.create_task(engine.call("spend", purchase("ada"))) for _ in range(3)]
    await until(lambda: engine.busy_payers == 1)
    await asyncio.wait_for(engine.close(), PATIENCE_SECONDS)
    assert {(await task)["code"] for task in tasks} == {"BUSY"}


async def test_callers_who_leave_a_busy_wallet_leave_nothing_behind(
    open_engine: OpenEngine, stand_in: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine._dice, "uniform", lambda least, most: 0.3)
    # Only one waits apart at a time.
    engine = await open_engine(busy_timeout_ms=AGE_MS, queue_size_max=4)
    for _ in range(2):
        session = hold_purse(stand_in, "ada")
        gone = asyncio.create_task(engine.call("spend", purchase("ada")))
        await until(lambda: is_resting(engine, "ada"))
        gone.cancel()
        await until(lambda: engine.queue_length == 0)
        session.rollback()
        assert (await engine.call("spend", purchase("ada")))["status"] == "done"
        assert (engine.queue_length, engine.busy_payers) == (0, 0)
    assert effects(stand_in) == 2


async def test_a_caller_who_leaves_says_nothing_about_the_wallet(
    open_engine: OpenEngine, stand_in: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine._dice, "uniform", lambda least, most: 0.3)
    engine = await open_engine(busy_timeout_ms=AGE_MS)
    hold_purse(stand_in, "ada")
    requests = [purchase("ada"), purchase("bob")]
    gone = asyncio.create_task(engine.call_batch("spend", requests))
    # Bob is served; what rests is ada's.
    await until(lambda: is_resting(engine, "ada"))
    gone.cancel()
    await until(lambda: engine.queue_length == 0)
    assert engine.busy_payers == 1
    assert engine._quarantine.holds("ada")


async def test_who_waits_behind_a_try_that_hangs_is_busy_within_its_patience(
    open_engine: OpenEngine, relay: Relay, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(
        relay.url, busy_timeout_ms=AGE_MS, retry_attempts=1000, retry_backoff_ms=1
    )
    session = hold_purse(stand_in, "ada")
    first = asyncio.create_task(engine.call("spend", purchase("ada")))
    await until(lambda: engine.busy_payers == 1)
    relay.hang()
    relay.cut()
    engine._quarantine._patience = 0.3
    waiting = asyncio.gather(*(engine.call(v, purchase("ada")) for v in ("grant", "spend")))
    outcomes = await asyncio.wait_for(waiting, PATIENCE_SECONDS)
    assert {outcome["code"] for outcome in outcomes} == {"BUSY"}
    assert not first.done()
    assert engine.queue_length == 1
    session.rollback()
    relay.pass_on()
    assert (await first)["status"] == "done"
    assert (engine.queue_length, engine.busy_payers) == (0, 0)
    assert effects(stand_in) == 1


async def test_who_rests_between_two_tries_is_busy_within_its_patience(
    open_engine: OpenEngine, stand_in: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine._dice, "uniform", lambda least, most: AGE_SECONDS)
    engine = await open_engine(busy_timeout_ms=1000)
    hold_purse(stand_in, "ada")
    told = await asyncio.wait_for(engine.call("spend", purchase("ada")), PATIENCE_SECONDS)
    assert told["code"] == "BUSY"
    assert engine.queue_length == 0
