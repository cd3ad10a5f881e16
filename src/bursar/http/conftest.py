"""What the doors' tests share: an app on a database of its own, and people who use it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.app import Bursar, create_app
from bursar.http.auth import mint
from bursar.settings import Settings

SECRET = "a secret that only these tests know, of forty"


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
SERVICE = {"authorization": f"Bearer {mint('service_role', None, SECRET, 600)}"}


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
    app = create_app(None, settings)
    async with client_of(app) as client:
        yield Door(app, client, database)
    await app.close()
