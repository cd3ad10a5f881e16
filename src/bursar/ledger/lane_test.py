import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault, OutcomeUnknown
from bursar.ledger.conftest import OpenEngine
from bursar.ledger.engine_test import PATIENT, effects, on_its_way, purchase
from tests.patience import PATIENCE_SECONDS, until


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


class Gate:
    """A relay before the database that can be shut, and cut after a number of answered bytes."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.open = True
        self.bytes_left: int | None = None
        self.answered = 0
        self.questions = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_unix_connection(self.target)
        self._writers += [writer, inner_writer]

        async def questions() -> None:
            while data := await reader.read(65536):
                self.questions += 1
                inner_writer.write(data)
            inner_writer.close()

        async def answers() -> None:
            while data := await inner_reader.read(65536):
                self.answered += len(data)
                if self.bytes_left is not None:
                    data = data[: self.bytes_left]
                    self.bytes_left -= len(data)
                writer.write(data)
                if self.bytes_left == 0:
                    self.bytes_left = None
                    await writer.drain()
                    break
            writer.close()
            inner_writer.close()

        await asyncio.gather(questions(), answers(), return_exceptions=True)

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()


@pytest.fixture
async def gate(stand_in: ScratchDatabase) -> AsyncIterator[tuple[Gate, str]]:
    """A relay before the stand-in, and the URL that goes through it."""
    known = conninfo_to_dict(stand_in.url)
    gate = Gate(f"{known['host']}/.s.PGSQL.{known['port']}")
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield gate, make_conninfo(stand_in.url, host="127.0.0.1", hostaddr="127.0.0.1", port=port)
    gate.cut()
    server.close()


async def test_a_server_gone_for_good_is_an_unknown_outcome_within_the_budget(
    open_engine: OpenEngine, gate: tuple[Gate, str], holder: psycopg.Connection
) -> None:
    relay, url = gate
    engine = await open_engine(url, lanes=1, retry_attempts=3, retry_backoff_ms=20, **PATIENT)
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
    open_engine: OpenEngine, gate: tuple[Gate, str], stand_in: ScratchDatabase
) -> None:
    relay, url = gate
    engine = await open_engine(url, lanes=1, retry_backoff_ms=1)
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
    open_engine: OpenEngine, gate: tuple[Gate, str]
) -> None:
    relay, url = gate
    engine = await open_engine(url, lanes=1)
    for _ in range(3):
        await engine.call("spend", purchase())
    before = relay.questions
    for _ in range(20):
        await engine.call("spend", purchase())
    assert relay.questions - before == 20
