"""A replica answers for history while it is close behind, and never decides anything."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.app import create_app
from bursar.http.auth import mint
from bursar.ledger.engine import Engine
from bursar.ledger.reader import HISTORY, Reader
from bursar.settings import Settings
from conftest import _SETTINGS as CLUSTER_SETTINGS
from tests.own_cluster import own_cluster
from tests.patience import PATIENCE_SECONDS, until
from tests.standby import Standby

SECRET = "a secret that only these tests know, of forty"
LONG_MS, SHORT_MS = 60_000, 400
# As by default: also a slow machine looks in time. The primary is idle for longer than that.
IDLE_MS = 5_000


@pytest.fixture(scope="module")
def replicated(
    postgres_version: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScratchDatabase]:
    """A database on a primary of its own.

    Nobody else writes its log, or has it removed before a standby has received it; and in nobody
    else's diagnosis are there replicas.
    """
    with own_cluster(tmp_path_factory.mktemp("primary"), postgres_version) as made:
        yield made


@pytest.fixture(scope="module")
def standby(replicated: ScratchDatabase) -> Iterator[Standby]:
    made = Standby(replicated.cluster, CLUSTER_SETTINGS)
    yield made
    made.remove()


OpenEngine = Callable[[int], Any]


@pytest.fixture
async def open_engine(replicated: ScratchDatabase, standby: Standby) -> AsyncIterator[OpenEngine]:
    """Opens an engine that tolerates so many milliseconds, once its replica is close."""
    standby.cluster.start()
    standby.execute("SELECT pg_wal_replay_resume()")
    engines: list[Engine] = []

    async def opened(lag_ms_max: int) -> Engine:
        settings = Settings(replica_url=standby.url(replicated.name), replica_lag_ms_max=lag_ms_max)
        engine = await Engine.open(replicated.service_url, settings)
        engines.append(engine)
        await until(lambda: engine.replica_is_close)
        return engine

    yield opened
    for engine in engines:
        await engine.close()


async def grant(engine: Engine, owner: str, amount: int) -> dict[str, Any]:
    wallet = {"owner_id": owner, "asset": "credit"}
    outcome = await engine.call("grant", {**wallet, "amount": amount})
    assert outcome["status"] == "done"
    return outcome


async def amounts(engine: Engine, owner: str) -> list[int]:
    lines = await engine.read("read_statement", owner, "credit", None, 50)
    return [line["amount"] for line in lines]


async def test_history_comes_from_the_replica_and_balances_from_the_primary(
    open_engine: OpenEngine, standby: Standby
) -> None:
    engine, owner = await open_engine(LONG_MS), str(uuid.uuid4())
    await grant(engine, owner, 5)
    standby.follow()
    standby.execute("SELECT pg_wal_replay_pause()")
    await grant(engine, owner, 7)

    assert await amounts(engine, owner) == [5], "the statement did not come from the replica"
    explained = await engine.read("explain", owner, "credit")
    assert explained["balance"] == 5
    assert (await engine.read("read_wallet", owner, "credit"))["balance"] == 12
    assert engine.statistics.replica_reads == 2


async def test_what_the_replica_lacks_is_asked_of_the_primary(
    open_engine: OpenEngine, standby: Standby
) -> None:
    engine, owner = await open_engine(LONG_MS), str(uuid.uuid4())
    standby.execute("SELECT pg_wal_replay_pause()")
    made = await grant(engine, owner, 5)

    found = await engine.read("read_transaction", made["transaction_id"])

    assert found["id"] == made["transaction_id"]
    assert await amounts(engine, owner) == [5]
    assert (await engine.read("explain", owner, "credit"))["balance"] == 5


async def test_a_replica_that_lags_too_far_is_not_read(
    open_engine: OpenEngine, standby: Standby
) -> None:
    engine, owner = await open_engine(SHORT_MS), str(uuid.uuid4())
    await grant(engine, owner, 5)
    standby.follow()
    standby.execute("SELECT pg_wal_replay_pause()")
    await grant(engine, owner, 7)

    await asyncio.sleep(SHORT_MS / 1000 + 0.1)

    assert await amounts(engine, owner) == [7, 5]
    standby.execute("SELECT pg_wal_replay_resume()")
    await until(lambda: engine.replica_is_close)
    before = engine.statistics.replica_reads
    assert await amounts(engine, owner) == [7, 5]
    assert engine.statistics.replica_reads == before + 1


async def test_an_idle_primary_does_not_look_like_lag(open_engine: OpenEngine) -> None:
    engine = await open_engine(IDLE_MS)

    for _ in range(IDLE_MS // 100 + 10):
        began = time.monotonic()
        await asyncio.sleep(0.1)
        if time.monotonic() - began > 1:  # The process stood still, and so nobody looked.
            await until(lambda: engine.replica_is_close)
        assert engine.replica_is_close


async def test_a_replica_that_is_gone_is_missed_by_nobody_and_found_again(
    open_engine: OpenEngine, standby: Standby
) -> None:
    engine, owner = await open_engine(LONG_MS), str(uuid.uuid4())
    await grant(engine, owner, 5)
    standby.follow()
    assert await amounts(engine, owner) == [5]

    standby.cluster.shut_down()
    await grant(engine, owner, 7)
    started = time.monotonic()
    assert await amounts(engine, owner) == [7, 5]
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert not engine.replica_is_close

    standby.cluster.start()
    await until(lambda: engine.replica_is_close)
    before = engine.statistics.replica_reads
    assert await amounts(engine, owner) == [7, 5]
    assert engine.statistics.replica_reads == before + 1


async def test_a_service_starts_without_its_replica(
    replicated: ScratchDatabase,
) -> None:
    nobody = "postgresql://127.0.0.1:1/nobody?connect_timeout=1"
    engine = await Engine.open(replicated.service_url, Settings(replica_url=nobody))
    try:
        owner = str(uuid.uuid4())
        await grant(engine, owner, 5)
        assert await amounts(engine, owner) == [5]
    finally:
        await engine.close()


async def test_nothing_that_writes_or_decides_is_sent_to_the_replica(
    replicated: ScratchDatabase,
) -> None:
    class Recorder:
        is_close = True
        asked: list[str] = []  # noqa: RUF012 - one object

        async def ask(self, query: Any, arguments: Any) -> None:
            self.asked.append(query.as_string())

        def start(self) -> None: ...

        async def close(self) -> None: ...

    reader, recorder = Reader(replicated.service_url, Settings()), Recorder()
    reader._replica = recorder  # type: ignore[assignment]  # it answers as one
    await reader.open()
    owner = str(uuid.uuid4())
    await reader.read("read_wallet", [owner, "credit"])
    await reader.read("read_hold", [1])
    await reader.read("record_metrics", ["[]"])
    await reader.read("grant", ['[{"owner_id": "x"}]'])
    assert recorder.asked == []
    for function in sorted(HISTORY):
        arguments: list[str | int] = [1] if function == "read_transaction" else [owner, "credit"]
        await reader.read(function, arguments)
    await reader.close()

    assert [query.split("(")[0].split(".")[1].strip('"') for query in recorder.asked] == sorted(
        HISTORY
    )


async def test_the_tables_door_reads_entries_there_and_balances_here(
    replicated: ScratchDatabase, standby: Standby
) -> None:
    standby.cluster.start()
    standby.execute("SELECT pg_wal_replay_resume()")
    settings = Settings(
        jwt_secret=SECRET,
        database_url=replicated.service_url,
        replica_url=standby.url(replicated.name),
        replica_lag_ms_max=LONG_MS,
        log_level="error",
    )
    app = create_app(None, settings)
    transport = httpx.ASGITransport(app=app)
    owner, nobody = str(uuid.uuid4()), str(uuid.uuid4())
    service = {"authorization": f"Bearer {mint('service_role', None, SECRET, 600)}"}
    owned = {"authorization": f"Bearer {mint('authenticated', owner, SECRET, 600)}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as client:

        async def give(amount: int) -> None:
            body = {"owner_id": owner, "asset": "credit", "amount": amount}
            assert (await client.post("/v1/grants", json=body, headers=service)).is_success

        await give(5)
        await until(lambda: app._ledger.replica_is_close)
        standby.follow()
        standby.execute("SELECT pg_wal_replay_pause()")
        await give(7)
        where, balances = f"user_id=eq.{owner}", "/rest/v1/user_credits?select=balance"
        for headers in (owned, service):
            rows = await client.get(
                f"/rest/v1/credit_transactions?select=amount&{where}", headers=headers
            )
            assert rows.json() == [{"amount": 5}]
            balance = await client.get(f"{balances}&{where}", headers=headers)
            assert balance.json() == [{"balance": 12}]
        stranger = {"authorization": f"Bearer {mint('authenticated', nobody, SECRET, 9)}"}
        hidden = await client.get(f"/rest/v1/credit_transactions?{where}", headers=stranger)
        assert hidden.json() == []
        metrics = (await client.get("/metrics")).text
        assert "bursar_engine_replica_reads_total" in metrics
    await app.close()
    standby.execute("SELECT pg_wal_replay_resume()")


async def test_a_replica_that_was_promoted_is_no_replica(
    replicated: ScratchDatabase,
) -> None:
    own = Standby(replicated.cluster, CLUSTER_SETTINGS)
    settings = Settings(replica_url=own.url(replicated.name), replica_lag_ms_max=LONG_MS)
    engine = await Engine.open(replicated.service_url, settings)
    try:
        await until(lambda: engine.replica_is_close)
        own.execute("SELECT pg_promote()")
        await until(lambda: not engine.replica_is_close)
    finally:
        await engine.close()
        own.remove()
