"""One round trip to the database for each operation, counted on the wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.app import create_app
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests import studio
from tests.deployment import SECRET, Deployment
from tests.ledger_in_sql import Ledger
from tests.sale import BOOSTER, Sale
from tests.shop import claimed, new_booster, new_item, request_of, sold
from tests.store import new_id, person, reward
from tests.wire_tap import WireTap

pytestmark = pytest.mark.postgres_versions("15", "18")

# The first calls on a connection also connect, prepare and look functions up.
WARM_UP = 6


@pytest.fixture
async def tap(database: ScratchDatabase, postgres_version: str) -> AsyncIterator[WireTap]:
    async with WireTap(database.service_url) as made:
        yield made


@pytest.fixture
async def engine(tap: WireTap) -> AsyncIterator[Engine]:
    async with await Engine.open(tap.url, Settings()) as opened:
        yield opened


@pytest.fixture
async def client(tap: WireTap, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app in this process, which reaches the database through the tap."""
    # What the app records and its worker asks in the meantime is nobody's round trip.
    monkeypatch.setattr("bursar.http.metrics_minute.FLUSH_SECONDS", 3600.0)
    monkeypatch.setattr("bursar.http.function_metrics.FLUSH_SECONDS", 3600.0)
    settings = Settings(
        jwt_secret=SECRET,
        database_url=tap.url,
        log_level="error",
        worker_interval_ms=3_600_000,
    )
    app = create_app(None, settings)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as made:
        yield made
    await app.close()


async def trips(tap: WireTap, call: Callable[[], Awaitable[object]], times: int) -> list[int]:
    """How many round trips each of so many calls took, one after the other."""
    counts = []
    for _ in range(times):
        before = tap.round_trips
        await call()
        counts.append(tap.round_trips - before)
    return counts


def test_the_tap_counts_round_trips(database: ScratchDatabase) -> None:
    """Three statements one by one are three; in a pipeline they are one."""

    def count(connection: psycopg.Connection, tap: WireTap) -> tuple[int, int]:
        start = tap.round_trips
        for _ in range(3):
            connection.execute("SELECT 1", prepare=False)
        one_by_one, start = tap.round_trips - start, tap.round_trips
        with connection.pipeline():
            for _ in range(3):
                connection.execute("SELECT 1", prepare=False)
        return one_by_one, tap.round_trips - start

    async def run() -> tuple[int, int]:
        async with WireTap(database.service_url) as tap:
            return await asyncio.to_thread(connected, tap)

    def connected(tap: WireTap) -> tuple[int, int]:
        with psycopg.connect(tap.url, autocommit=True) as connection:
            return count(connection, tap)

    assert asyncio.run(run()) == (3, 1)


async def test_a_lone_purchase_through_the_engine_is_one_round_trip(
    engine: Engine, tap: WireTap, database: ScratchDatabase
) -> None:
    admin = database.connect()
    buyer = person(admin, 10_000)
    rewards = [reward(admin, 7) for _ in range(30)]

    async def buy() -> None:
        request = {
            "reward_id": rewards.pop(),
            "collector_id": buyer,
            "caller": {"role": "service_role"},
        }
        outcome = await engine.call("purchase_reward", request)
        assert outcome["status"] == "done"

    first = await trips(tap, buy, WARM_UP)
    counts = await trips(tap, buy, 20)

    assert counts == [1] * 20
    assert sum(first) <= WARM_UP + 2


@pytest.mark.parametrize("verb", ["grant", "spend", "transfer", "hold", "adjust"])
async def test_every_verb_is_one_round_trip(
    verb: str, engine: Engine, tap: WireTap, database: ScratchDatabase
) -> None:
    owner, other = person(database.connect(), 1000), new_id()
    request: dict[str, Any] = {"owner_id": owner, "asset": "credit", "amount": 1}
    if verb == "transfer":
        request["to_owner_id"] = other

    async def carry() -> None:
        assert (await engine.call(verb, request))["status"] == "done"

    await trips(tap, carry, WARM_UP)

    assert await trips(tap, carry, 5) == [1] * 5


@pytest.mark.parametrize("kind", ["deduct", "submit", "later", "refund", "completed", "failed"])
async def test_each_call_of_generation_is_one_round_trip(
    kind: str, engine: Engine, tap: WireTap, database: ScratchDatabase
) -> None:
    ledger = Ledger(database)
    user = studio.new_artist(ledger, 100)
    mine: dict[str, Any] = {"user_id": user, "caller": studio.SERVICE, "rate_limit_seconds": 0}
    calls: list[tuple[str, dict[str, Any]]] = []
    for _ in range(WARM_UP + 5):
        if kind in ("later", "refund"):
            studio.deduct(ledger, user)
        if kind == "deduct":
            calls.append(("deduct_credit", mine))
        elif kind in ("submit", "later"):
            calls.append(("submit_generation", mine | {"input": {}}))
        elif kind == "refund":
            calls.append(("refund_credit", {"user_id": user, "caller": studio.SERVICE}))
        else:
            job_id = studio.submitted(ledger, user)
            end = {"job_id": job_id, "result": kind, "caller": studio.SERVICE}
            calls.append(("end_generation", end))

    async def carry() -> None:
        outcome = await engine.call(*calls.pop())
        assert outcome["status"] == "done", outcome

    await trips(tap, carry, WARM_UP)

    assert await trips(tap, carry, 5) == [1] * 5


@pytest.mark.parametrize("kind", ["item", "booster", "again", "event", "refund", "use"])
async def test_each_call_of_the_shop_is_one_round_trip(
    kind: str, engine: Engine, tap: WireTap, database: ScratchDatabase
) -> None:
    ledger = Ledger(database)
    item, booster = new_item(ledger.admin), new_booster(ledger.admin)
    once = claimed(ledger, sku=BOOSTER)
    # Users who have no wallet yet get one first, which is a second try.
    mine = claimed(ledger).user_id
    calls: list[tuple[str, dict[str, Any]]] = []
    for _ in range(WARM_UP + 5):
        if kind in ("item", "booster"):
            sale = sold(ledger, mine, item if kind == "item" else booster)
            calls.append(("claim_purchase", request_of(sale)))
        elif kind == "again":
            calls.append(("claim_purchase", request_of(once)))
        elif kind == "event":
            calls.append(("take_store_event", {"event": Sale().purchase()}))
        else:
            sale = claimed(ledger, mine, item)
            calls.append(("take_store_event", {"event": sale.refund()}))
    if kind == "use":
        caller = {"role": "authenticated", "sub": mine}
        calls = [("use_item", {"user_id": mine, "caller": caller})] * (WARM_UP + 5)

    async def carry() -> None:
        outcome = await engine.call(*calls.pop())
        assert outcome["status"] == "done", outcome

    await trips(tap, carry, WARM_UP)

    assert await trips(tap, carry, 5) == [1] * 5


async def test_a_hundred_purchases_at_once_share_round_trips(
    engine: Engine, tap: WireTap, database: ScratchDatabase
) -> None:
    admin = database.connect()
    wanted = reward(admin, 7)
    requests = [
        {"reward_id": wanted, "collector_id": person(admin, 10), "caller": {"role": "service_role"}}
        for _ in range(100)
    ]
    before = tap.round_trips

    outcomes = await asyncio.gather(
        *(engine.call("purchase_reward", request) for request in requests)
    )

    assert {outcome["status"] for outcome in outcomes} == {"done"}
    assert tap.round_trips - before <= 10


async def test_a_request_over_http_is_at_most_one_round_trip(
    client: httpx.AsyncClient, tap: WireTap, database: ScratchDatabase
) -> None:
    admin = database.connect()
    buyer, seller = person(admin, 10_000), new_id()
    rewards = [reward(admin, 7) for _ in range(60)]
    ledger = Ledger(database)
    item = new_item(admin)
    sales = [sold(ledger, claimed(ledger, buyer, item).user_id, item) for _ in range(20)]
    headers = Deployment.headers("authenticated", buyer)
    service = Deployment.headers("service_role")

    async def post(path: str, body: dict[str, Any], who: dict[str, str]) -> None:
        answer = await client.post(path, json=body, headers=who)
        assert answer.is_success, answer.text

    async def get(path: str, who: dict[str, str]) -> None:
        answer = await client.get(path, headers=who)
        assert answer.is_success, answer.text

    create = {"p_name": "Sticker", "p_description": "", "p_cost": 60}
    grant = {"owner_id": buyer, "asset": "credit", "amount": 1}
    operations: dict[str, Callable[[], Awaitable[object]]] = {
        "rpc purchase_reward": lambda: post(
            "/rest/v1/rpc/purchase_reward",
            {"p_reward_id": rewards.pop(), "p_collector_id": buyer},
            headers,
        ),
        "rpc purchase_bounty": lambda: post(
            "/rest/v1/rpc/purchase_bounty",
            {"p_bounty_id": rewards.pop(), "p_collector_id": buyer},
            headers,
        ),
        "rpc of any function": lambda: post(
            "/rest/v1/rpc/create_reward", create, Deployment.headers("authenticated", seller)
        ),
        "v1 purchase": lambda: post("/v1/purchases", {"reward_id": rewards.pop()}, headers),
        "v1 grant": lambda: post("/v1/grants", grant, service),
        "v1 wallet": lambda: get(f"/v1/wallets/{buyer}?asset=credit", service),
        "claim": lambda: post("/functions/v1/claim", body_of(sales.pop()), headers),
        "use item": lambda: post("/functions/v1/use-item", {}, headers),
        "shop": lambda: get("/functions/v1/shop", headers),
        "rest read": lambda: get("/rest/v1/collected_rewards?select=*", headers),
    }
    counts = {}
    for name, operation in operations.items():
        await trips(tap, operation, WARM_UP)
        counts[name] = await trips(tap, operation, 5)

    assert counts == {name: [1] * 5 for name in operations}


def body_of(sale: Sale) -> dict[str, str]:
    """What an app on a phone sends to claim."""
    return {"sku": sale.sku, "tx_id": sale.tx_id}
