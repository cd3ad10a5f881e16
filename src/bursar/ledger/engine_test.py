import asyncio
import random
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault, Refused
from bursar.ledger.conftest import OpenEngine
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.patience import until

# Whoever waits for a lock does so until the test lets it go.
PATIENT = {"lock_timeout_ms": 600_000, "statement_timeout_ms": 600_000}


def purchase(owner_id: str = "ada", amount: int = 1, **more: Any) -> dict[str, Any]:
    return {"owner_id": owner_id, "asset": "credit", "amount": amount, **more}


def effects(database: ScratchDatabase) -> int:
    row = database.connect().execute("SELECT count(*) FROM bursar.effect").fetchone()
    assert row is not None
    count: int = row[0]
    return count


async def on_its_way(engine: Engine) -> None:
    """Return once the only lane has sent its first batch."""
    await until(lambda: engine._lanes[0].wire.round_trips == 1)


async def test_a_lone_request_is_one_round_trip_and_a_batch_of_one(open_engine: OpenEngine) -> None:
    engine = await open_engine()
    for amount in range(1, 11):
        outcome = await engine.call("spend", purchase(amount=amount))
        assert outcome["echo"] == amount
    assert engine.statistics.round_trips == 10
    assert engine.statistics.batch_sizes[1] == 10


async def test_a_lone_request_is_not_delayed(open_engine: OpenEngine) -> None:
    engine = await open_engine()
    await engine.call("spend", purchase())
    # From the call to the statement on the wire there are a few turns of the event loop, no timer.
    lane = engine._lanes[0] if engine._lanes[0].wire.round_trips else engine._lanes[1]
    before = lane.wire.round_trips
    task = asyncio.create_task(engine.call("spend", purchase()))
    for _ in range(3):
        await asyncio.sleep(0)
    assert lane.wire.round_trips == before + 1
    await task


async def test_requests_of_the_same_moment_travel_together(open_engine: OpenEngine) -> None:
    engine = await open_engine(lanes=1)
    outcomes = await asyncio.gather(
        *(engine.call("spend", purchase(f"owner {n}", n)) for n in range(1, 101))
    )
    assert [outcome["echo"] for outcome in outcomes] == list(range(1, 101))
    assert engine.statistics.batches <= 2


async def test_each_of_a_thousand_callers_gets_its_own_answer(open_engine: OpenEngine) -> None:
    engine = await open_engine(batch_size_max=64)
    dice = random.Random(7)

    async def caller(number: int) -> bool:
        await asyncio.sleep(dice.random() * 0.2)
        verb = dice.choice(("spend", "grant"))
        owner = f"owner {dice.randrange(50)}"
        outcome = await engine.call(verb, purchase(owner, number, key=f"key {number}"))
        return (outcome["owner_id"], outcome["echo"], outcome["key"]) == (
            owner,
            number,
            f"key {number}",
        )

    assert all(await asyncio.gather(*(caller(number) for number in range(1, 1001))))
    assert engine.statistics.batches < 700
    assert engine.queue_length == 0


async def test_the_requests_of_one_payer_are_carried_out_in_order(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(batch_size_max=5)
    verbs = ("spend", "grant", "grant", "spend", "grant")
    await asyncio.gather(
        *(engine.call(verbs[n % 5], purchase("ada", n)) for n in range(1, 41)),
        *(engine.call(verbs[n % 3], purchase("bob", 1000 + n)) for n in range(1, 41)),
    )
    rows = stand_in.connect().execute(
        "SELECT amount FROM bursar.effect WHERE owner_id = 'ada' ORDER BY xmin::text::bigint, ctid"
    )
    assert [row[0] for row in rows] == list(range(1, 41))


async def test_a_full_line_answers_busy_at_once(
    open_engine: OpenEngine, holder: psycopg.Connection
) -> None:
    engine = await open_engine(lanes=1, queue_size_max=10, **PATIENT)
    slow = asyncio.create_task(engine.call("spend", purchase()))
    await on_its_way(engine)
    waiting = [asyncio.create_task(engine.call("spend", purchase(amount=n))) for n in range(1, 11)]
    await asyncio.sleep(0)
    refused = await engine.call("spend", purchase())
    assert not slow.done()
    assert (refused["status"], refused["code"]) == ("refused", "BUSY")
    assert refused["message"].startswith("BUSY: ")
    assert refused["details"] == {"retry_after_seconds": 1}
    holder.rollback()
    assert (await slow)["status"] == "done"
    assert {outcome["status"] for outcome in await asyncio.gather(*waiting)} == {"done"}


async def test_who_waits_too_long_is_told_busy_and_never_sent(
    open_engine: OpenEngine, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    engine = await open_engine(lanes=1, request_timeout_ms=150, **PATIENT)
    slow = asyncio.create_task(engine.call("spend", purchase()))
    await on_its_way(engine)
    late = await engine.call("spend", purchase())
    assert not slow.done()
    assert late["code"] == "BUSY"
    holder.rollback()
    await slow
    await asyncio.sleep(0.05)
    assert effects(stand_in) == 1


async def test_a_cancelled_caller_loses_only_its_own_answer(
    open_engine: OpenEngine, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    engine = await open_engine(lanes=1, **PATIENT)
    sent = asyncio.create_task(engine.call("spend", purchase()))
    await on_its_way(engine)
    unsent = asyncio.create_task(engine.call("spend", purchase()))
    other = asyncio.create_task(engine.call("spend", purchase("bob", 7)))
    await asyncio.sleep(0)
    sent.cancel()
    unsent.cancel()
    holder.rollback()
    assert (await other)["echo"] == 7
    with pytest.raises(asyncio.CancelledError):
        await sent
    with pytest.raises(asyncio.CancelledError):
        await unsent
    # The one on its way was carried out; the one still waiting was not.
    assert effects(stand_in) == 2
    assert (await engine.call("spend", purchase()))["status"] == "done"


async def test_close_finishes_what_is_on_its_way_and_turns_the_rest_away(
    open_engine: OpenEngine, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    engine = await open_engine(lanes=1, **PATIENT)
    sent = asyncio.create_task(engine.call("spend", purchase()))
    await on_its_way(engine)
    waiting = asyncio.create_task(engine.call("spend", purchase()))
    await asyncio.sleep(0)
    closing = asyncio.create_task(engine.close())
    assert (await waiting)["code"] == "BUSY"
    assert not sent.done()
    holder.rollback()
    await closing
    assert (await sent)["status"] == "done"
    assert (await engine.call("spend", purchase()))["code"] == "BUSY"
    assert effects(stand_in) == 1


async def test_a_batch_keeps_array_order_and_answers_malformed_requests_itself(
    open_engine: OpenEngine,
) -> None:
    engine = await open_engine(batch_size_max=10)
    requests = [purchase(f"owner {n % 7}", n, verb="spend") for n in range(1, 1201)]
    requests[3] = purchase(amount=-1, verb="spend")
    outcomes = await engine.call_batch("batch", requests)
    assert outcomes[3]["code"] == "MALFORMED"
    del outcomes[3]
    assert [outcome["echo"] for outcome in outcomes] == [1, 2, 3, *range(5, 1201)]
    assert engine.statistics.round_trips == 2


async def test_degraded_mode_refuses_without_a_round_trip(stand_in: ScratchDatabase) -> None:
    async with await Engine.open(stand_in.url, Settings(degraded_mode="on")) as engine:
        assert (await engine.call("spend", purchase()))["code"] == "DEGRADED"
        assert engine.statistics.round_trips == 0
        assert await engine.read("read_wallet", "ada", "credit") == {
            "owner_id": "ada",
            "asset": "credit",
        }


async def test_the_hook_sees_every_final_outcome(stand_in: ScratchDatabase) -> None:
    seen: list[tuple[str, int]] = []
    async with await Engine.open(
        stand_in.url, on_batch=lambda verb, outcomes, seconds: seen.append((verb, len(outcomes)))
    ) as engine:
        await asyncio.gather(*(engine.call("spend", purchase(f"o{n}")) for n in range(20)))
    assert sum(count for _, count in seen) == 20


async def test_opening_where_no_database_is_fails_without_the_password() -> None:
    with pytest.raises(Fault) as caught:
        await Engine.open("postgresql://u:verysecret@127.0.0.1:1/none", Settings())
    assert "verysecret" not in f"{caught.value} {caught.value.__cause__}"


async def test_reading_through_a_function_that_is_not_there_says_so(
    open_engine: OpenEngine,
) -> None:
    engine = await open_engine()
    with pytest.raises(Refused, match="APP_DOWN"):
        await engine.read("read_nothing", "ada")
