import uuid
from typing import Any

import litestar
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bursar.http import health
from bursar.http.app import create_app
from bursar.http.conftest import GRANT, SECRET, SERVICE, Door, client_of
from bursar.settings import Settings


async def test_it_works_under_a_prefix_of_another_app(door: Door) -> None:
    @litestar.asgi("/credits", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await door.app(scope, receive, send)

    hosts = (
        Starlette(routes=[Mount("/credits", app=door.app)]),
        litestar.Litestar([mounted], openapi_config=None, logging_config=None),
    )
    for host in hosts:
        user, me = door.user()
        async with client_of(host) as client:
            assert (await client.get("/credits/health")).status_code == 200
            body = {"owner_id": user, "asset": "credit", "amount": 5}
            answer = await client.post("/credits/v1/grants", json=body, headers=door.service)
            assert answer.status_code == 201
            answer = await client.get(f"/credits/v1/wallets/{user}?asset=credit", headers=me)
            assert answer.json()["balance"] == 5
            assert (await client.get("/credits/rest/v1/rewards")).json() == []
            assert (await client.get("/credits/docs")).status_code == 200
            assert (await client.get("/credits/nothing")).json()["code"] == "NOT_FOUND"


async def test_the_lifespan_opens_and_closes(door: Door) -> None:
    settings = Settings(jwt_secret=SECRET, log_level="error")
    app = create_app(door.database.service_url, settings)
    told: list[str] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        told.append(message["type"])
        if message["type"] == "lifespan.startup.complete":
            async with client_of(app) as client:
                answer = await client.post(
                    "/v1/grants", json={**GRANT, "owner_id": str(uuid.uuid4())}, headers=SERVICE
                )
                assert answer.status_code == 201

    await app({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_without_its_database_it_starts_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.5)
    app = create_app(
        "postgresql://127.0.0.1:1/none", Settings(jwt_secret=SECRET, log_level="error")
    )
    async with client_of(app) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        answer = await client.post("/v1/grants", json=GRANT, headers=SERVICE)
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        answer = await client.get("/rest/v1/rewards")
        assert (answer.status_code, answer.json()["code"]) == (503, "PGRST001")
    await app.close()


def test_an_app_without_a_database_is_not_made() -> None:
    with pytest.raises(ValueError, match="BURSAR_DATABASE_URL"):
        create_app(None, Settings())
