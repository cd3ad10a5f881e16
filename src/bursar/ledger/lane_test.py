import asyncio
import time
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault, OutcomeUnknown
from bursar.ledger.answer import busy
from bursar.ledger.conftest import OpenEngine
from bursar.ledger.engine_test import PATIENT, effects, on_its_way, purchase
from bursar.ledger.lane import Lane
from bursar.ledger.lost_try_test import Told
from bursar.ledger.parcel import Body, Parcel
from bursar.ledger.statistics import Statistics
from bursar.ledger.wire import Rejected
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS, until
from tests.relay import Relay


def kill_lanes(database: ScratchDatabase) -> int:
    rows = database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%bursar%spend%'"
    )
    return len(rows)


async def test_a_connection_killed_in_a_batch_is_tried_again_with_the_same_key(
    open_engine: OpenEngine, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    engine = await open_engine(lanes=1, **PATIENT)
    tasks = [
        asyncio.create_task(engine.call("spend", purchase(f"owner {n}", n))) for n in range(1, 11)
    ]
    await until(lambda: kill_lanes(stand_in) == 1)
    holder.rollback()
    outcomes = await asyncio.gather(*tasks)
    assert [outcome["echo"] for outcome in outcomes] == list(range(1, 11))
    assert effects(stand_in) == 10
    assert engine.statistics.retries >= 1


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57P01", "53200", "08006"])
async def test_what_was_rolled_back_is_tried_again(
    open_engine: OpenEngine, stand_in: ScratchDatabase, sqlstate: str
) -> None:
    engine = await open_engine(retry_backoff_ms=2)
    outcome = await engine.call("spend", purchase(fails=2, fails_with=sqlstate))
    assert outcome["status"] == "done"
    assert engine.statistics.round_trips == 3
    assert effects(stand_in) == 1


async def test_deadlocks_beyond_the_budget_are_busy_not_unknown(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(retry_attempts=3, retry_backoff_ms=2)
    outcome = await engine.call("spend", purchase(fails=99, fails_with="40P01"))
    assert outcome["code"] == "BUSY"
    assert engine.statistics.round_trips == 3
    assert effects(stand_in) == 0


async def test_a_statement_over_its_time_limit_is_busy(
    open_engine: OpenEngine, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(statement_timeout_ms=100)
    assert (await engine.call("spend", purchase(sleep=3)))["code"] == "BUSY"
    assert effects(stand_in) == 0


@pytest.mark.parametrize("sqlstate", ["XX000", "22003", "42883"])
async def test_a_poisoned_request_fails_alone(
    open_engine: OpenEngine, stand_in: ScratchDatabase, sqlstate: str
) -> None:
    engine = await open_engine(lanes=1)
    answers = await asyncio.gather(
        *(
            engine.call(
                "spend", purchase(f"owner {n}", n, **({"poison": sqlstate} if n == 5 else {}))
            )
            for n in range(1, 11)
        ),
        return_exceptions=True,
    )
    fault = answers.pop(4)
    assert isinstance(fault, Fault)
    assert sqlstate in str(fault)
    echoes = [answer["echo"] for answer in answers if isinstance(answer, dict)]
    assert echoes == [n for n in range(1, 11) if n != 5]
    assert effects(stand_in) == 9


async def test_a_poisoned_request_in_a_batch_is_told_as_data(open_engine: OpenEngine) -> None:
    engine = await open_engine()
    requests: list[dict[str, Any]] = [purchase(amount=n) for n in (1, 2, 3)]
    requests[1] |= {"poison": "XX000", "key": "bad"}
    outcomes = await engine.call_batch("batch", requests)
    assert [outcome["status"] for outcome in outcomes] == ["done", "fault", "done"]
    assert outcomes[1]["key"] == "bad"


async def test_a_server_gone_for_good_is_an_unknown_outcome_within_the_budget(
    open_engine: OpenEngine, relay: Relay, holder: psycopg.Connection
) -> None:
    engine = await open_engine(relay.url, lanes=1, retry_attempts=3, retry_backoff_ms=20, **PATIENT)
    sent = asyncio.create_task(engine.call("spend", purchase(key="k1")))
    await on_its_way(engine)
    unsent = asyncio.create_task(engine.call("spend", purchase(key="k2")))
    await asyncio.sleep(0)
    relay.open = False
    relay.cut()
    started = time.perf_counter()
    with pytest.raises(OutcomeUnknown) as caught:
        await sent
    assert caught.value.key == "k1"
    assert (await unsent)["code"] == "BUSY"
    assert time.perf_counter() - started < PATIENCE_SECONDS
    relay.open = True
    holder.rollback()
    assert (await engine.call("spend", purchase(key="k2")))["replayed"] is False


async def test_the_wire_cut_at_every_byte_of_the_answer_costs_nothing_and_charges_once(
    open_engine: OpenEngine, relay: Relay, stand_in: ScratchDatabase
) -> None:
    engine = await open_engine(relay.url, lanes=1, retry_backoff_ms=1)
    for warm in range(3):
        await engine.call("spend", purchase(key=f"warm {warm}"))
    before = relay.answered
    await engine.call("spend", purchase(amount=100, key="length 000"))
    length = relay.answered - before
    assert 100 < length < 600
    for byte in range(1, length + 1):
        relay.bytes_left = byte
        outcome = await engine.call("spend", purchase(amount=100 + byte, key=f"length {byte:03}"))
        assert (outcome["status"], outcome["echo"]) == ("done", 100 + byte)
        # Only the last byte completes the answer; without it, the next try learned it by the key.
        assert outcome["replayed"] is (byte < length)
        relay.bytes_left = None
        relay.cut()
        for warm in range(2):
            await engine.call("spend", purchase(key=f"warm {warm}"))
    assert effects(stand_in) == 3 + 1 + length


async def test_one_operation_is_one_question_on_the_wire(
    open_engine: OpenEngine, relay: Relay
) -> None:
    engine = await open_engine(relay.url, lanes=1)
    for _ in range(3):
        await engine.call("spend", purchase())
    before = relay.questions
    for _ in range(20):
        await engine.call("spend", purchase())
    assert relay.questions - before == 20


async def test_a_lane_that_fails_answers_only_what_it_still_has() -> None:
    # The second of two that are carried out singly meets what nobody expected.
    wire = Told(Rejected("XX000", "no"), busy("spend"), RuntimeError("a bug"))
    given_back: list[Parcel] = []
    lane = Lane(wire, Settings(retry_attempts=1), Statistics(), on_busy=given_back.append)
    loop = asyncio.get_running_loop()
    first, second = (
        Parcel("spend", [Body(b"{}", key, key)], loop.create_future(), 0.0) for key in ("a", "b")
    )
    lane.submit(first)
    lane.submit(second)
    assert isinstance((await second.answer)[0], Fault)
    assert given_back == [first]
    assert (first.pending, first.answer.done()) == ([0], False)
    await lane.close()


async def test_a_lane_that_fails_lets_go_of_what_nobody_waits_for() -> None:
    settled: list[Parcel] = []
    wire = Told(RuntimeError("a bug"))
    wire.may_say.clear()
    lane = Lane(
        wire,
        Settings(),
        Statistics(),
        on_busy=lambda parcel: None,
        on_settled=settled.append,
    )
    loop = asyncio.get_running_loop()
    left = Parcel("spend", [Body(b"{}", "a", "a")], loop.create_future(), 0.0)
    lane.submit(left)
    await until(lambda: wire.round_trips == 1)
    left.answer.cancel()
    wire.may_say.set()
    await until(lambda: settled == [left])
    await lane.close()
