"""What the doors' tests share: an app on a database of its own, and people who use it."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.app import Bursar, create_app
from bursar.http.auth import mint
from bursar.settings import Settings
from bursar.stand_ins.stripe.process import StandIn
from tests import app_store
from tests import stand_in as staged
from tests.market import Payment, lead, new_id
from tests.patience import be_patient
from tests.stand_in import signed

WEBHOOK = "/api/webhooks/stripe"
SECRET = "a secret that only these tests know, of forty"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)


class Told:
    """A ledger that answers what a test tells it to."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer or {"status": "done", "verb": "grant", "replayed": False}
        self.requests: list[Mapping[str, Any]] = []

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.requests.append({"verb": verb, **request})
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer == "wait":
            await asyncio.sleep(60)
        made: dict[str, Any] = self.answer
        return made

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return [await self.call(verb, request) for request in requests]

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"owner_id": "o"}

    async def close(self) -> None:
        raise AssertionError("An engine that was given is not ours to close.")


GRANT = {"owner_id": "o", "asset": "credit", "amount": 5}
# Made when the tests are collected, so it outlives the longest run of all of them.
SERVICE = {"authorization": f"Bearer {mint('service_role', None, SECRET, 86_400)}"}


def app_of(ledger: Told, **settings: Any) -> Bursar:
    chosen = {"jwt_secret": SECRET, "log_level": "error", **settings}
    return create_app(ledger, Settings(**chosen), database_url="postgresql://127.0.0.1:1/none")


def client_of(app: Any, prefix: str = "") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=f"http://bursar{prefix}"
    )


class Door:
    """An app, a client for it, and what the tests say to it most often."""

    def __init__(self, app: Bursar, client: httpx.AsyncClient, database: ScratchDatabase) -> None:
        self.app = app
        self.client = client
        self.database = database
        self.service = self.bearer("service_role", None)

    @staticmethod
    def bearer(role: str, sub: str | None, seconds: int = 600) -> dict[str, str]:
        return {"authorization": f"Bearer {mint(role, sub, SECRET, seconds)}"}

    def user(self) -> tuple[str, dict[str, str]]:
        """A new user: their id, and the headers with their token."""
        sub = str(uuid.uuid4())
        return sub, self.bearer("authenticated", sub)

    async def grant(self, owner_id: str, amount: int) -> None:
        body = {"owner_id": owner_id, "asset": "credit", "amount": amount}
        answer = await self.client.post("/v1/grants", json=body, headers=self.service)
        assert answer.status_code == 201, answer.text

    async def reward(self, creator: dict[str, str], cost: int) -> str:
        body = {"p_name": "Sticker", "p_description": "", "p_cost": cost}
        answer = await self.client.post("/rest/v1/rpc/create_reward", json=body, headers=creator)
        assert answer.status_code == 200, answer.text
        made: str = answer.json()
        return made

    async def buy(
        self, reward_id: str, collector_id: str, headers: dict[str, str], **more: Any
    ) -> httpx.Response:
        body = {"p_reward_id": reward_id, "p_collector_id": collector_id, **more}
        return await self.client.post("/rest/v1/rpc/purchase_reward", json=body, headers=headers)

    async def balance(self, owner_id: str) -> int:
        answer = await self.client.get(f"/v1/wallets/{owner_id}?asset=credit", headers=self.service)
        return 0 if answer.status_code == 404 else int(answer.json()["balance"])


AnyDoor = TypeVar("AnyDoor", bound=Door)


@contextlib.asynccontextmanager
async def opened(
    kind: type[AnyDoor], database: ScratchDatabase, settings: Settings
) -> AsyncIterator[AnyDoor]:
    """An app with settings of its own, which is closed whatever becomes of the test."""
    app = create_app(None, settings)
    try:
        async with client_of(app) as client:
            yield kind(app, client, database)
    finally:
        await app.close()


def service_post(door: Door, path: str, body: Any, key: str | None = None) -> Any:
    headers = door.service | ({} if key is None else {"idempotency-key": key})
    return door.client.post(path, json=body, headers=headers)


@pytest.fixture
async def door(database: ScratchDatabase) -> AsyncIterator[Door]:
    """The app with our default limits, on a fresh database."""
    settings = Settings(
        jwt_secret=SECRET,
        database_url=database.service_url,
        log_level="error",
        cors_origins="https://shop.example",
    )
    async with opened(Door, database, settings) as made:
        yield made


@pytest.fixture(scope="session")
def _stand_in() -> Iterator[StandIn]:
    with staged.stand_in() as running:
        yield running


@pytest.fixture
def stand_in(_stand_in: StandIn) -> Iterator[StandIn]:
    """The local card company, with nothing ordered to go wrong."""
    yield _stand_in
    _stand_in.ask("DELETE", "/_faults")


@pytest.fixture
async def market(database: ScratchDatabase, stand_in: StandIn) -> AsyncIterator[Door]:
    """The app of a marketplace that takes cards, on a fresh database."""
    settings = card_settings(database.service_url, stand_in.address)
    async with opened(Door, database, settings) as made:
        yield made


def card_settings(url: str, stripe_address: str, **more: Any) -> Settings:
    """Settings with a card company at `stripe_address`, and a worker that sleeps."""
    chosen = {
        "jwt_secret": SECRET,
        "database_url": url,
        "log_level": "error",
        "stripe_api_key": staged.KEY,
        "stripe_api_base": stripe_address,
        "stripe_webhook_secret": staged.SECRET,
        "worker_interval_ms": 3_600_000,
        **more,
    }
    return Settings(**chosen)


class Till(Door):
    """A door that takes events, with no card company behind it, and a look into the database."""

    async def reserve(self, price: int = 60, seller: str = "") -> Payment:
        """Reserve a lead, and return the payment whose events are to come."""
        self.lead_id = lead(self.database.connect(), price, seller=seller)
        request = {"buyer_workspace_id": new_id(), "lead_ids": [self.lead_id], "mode": "test"}
        outcome = await self.app._ledger.call("validate_and_lock_leads_for_purchase", request)
        return Payment(outcome["payment_id"], outcome["amount"])

    async def send(self, posted: dict[str, Any]) -> httpx.Response:
        return await self.client.post(WEBHOOK, **posted)

    async def bring(self, event: Any) -> httpx.Response:
        return await self.send(signed(event))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.connect().execute(query.encode()).fetchall()

    def inbox(self) -> list[tuple[str, int]]:
        """The status of each stored event, and how often it came."""
        return self.rows("SELECT status, deliveries FROM bursar.inbox ORDER BY id")

    def sold(self) -> list[int]:
        return [row[0] for row in self.rows("SELECT sold_count FROM leads")]


@contextlib.asynccontextmanager
async def till_of(database: ScratchDatabase, **more: Any) -> AsyncIterator[Till]:
    """A till with settings of its own."""
    settings = card_settings(database.service_url, "http://127.0.0.1:1", **more)
    async with opened(Till, database, settings) as made:
        yield made


@pytest.fixture
async def till(database: ScratchDatabase) -> AsyncIterator[Till]:
    """The app of a marketplace that takes events, on a fresh database."""
    async with till_of(database) as made:
        yield made


async def pay(market: Door, stand_in: StandIn, session_id: str) -> None:
    """Pay a session as a buyer would, and bring its event as the card company would."""
    stand_in.ask("POST", f"/_sessions/{session_id}/pay", {"outcome": "paid"})
    [event] = [
        posting["event"]
        for posting in stand_in.ask("GET", "/_events?type=checkout.session.completed")["data"]
        if posting["event"]["data"]["object"]["id"] == session_id
    ]
    answer = await market.client.post(WEBHOOK, **signed(event))
    assert answer.status_code == 200, answer.text


class Shop(Door):
    """A door for claims and events of the store, and a look into the database."""

    async def bring(self, event: Any) -> httpx.Response:
        return await self.client.post(app_store.WEBHOOK, **app_store.posted(event))

    async def sold(self, user_id: str = "", sku: str = app_store.SHIELD) -> app_store.Sold:
        """Somebody has bought something, and the store has told us."""
        sale = app_store.Sold(user_id or app_store.new_user(), sku)
        answer = await self.bring(sale.bought())
        assert (answer.status_code, answer.json()["effect"]) == (200, "applied"), answer.text
        return sale

    async def claim(self, sale: app_store.Sold, as_user: str = "", **more: Any) -> httpx.Response:
        """Claim it, as its buyer unless somebody else is named."""
        me = self.bearer("authenticated", as_user or sale.user_id)
        return await self.client.post(app_store.CLAIM, json=sale.claim | more, headers=me)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.connect().execute(query.encode(), values).fetchall()

    def switch(self, key: str, value: Any) -> None:
        """Set a switch by plain SQL."""
        self.rows(
            "UPDATE store_config SET value = %s WHERE key = %s RETURNING 1", json.dumps(value), key
        )

    def shields(self, user_id: str) -> int:
        found = self.rows(
            "SELECT streakshield_count FROM user_wallet_balances WHERE user_id = %s", user_id
        )
        return int(found[0][0]) if found else 0


@contextlib.asynccontextmanager
async def shop_of(database: ScratchDatabase, **more: Any) -> AsyncIterator[Shop]:
    """A shop with settings of its own, and a worker that sleeps."""
    chosen = {
        "jwt_secret": SECRET,
        "database_url": database.service_url,
        "log_level": "error",
        "revenuecat_authorization": app_store.AUTHORIZATION,
        "worker_interval_ms": 3_600_000,
        **more,
    }
    async with opened(Shop, database, Settings(**chosen)) as made:
        yield made


@pytest.fixture
async def shop(database: ScratchDatabase, tmp_path: Path) -> AsyncIterator[Shop]:
    """The app of a shop of in-app purchases with a spool, on a fresh database."""
    async with shop_of(database, spool_directory=str(tmp_path / "spool")) as made:
        yield made
