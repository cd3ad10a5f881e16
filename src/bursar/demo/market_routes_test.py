"""The marketplace's page and what may be asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import jwt
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import ROOF_LEEDS
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.demo.workspaces import NEW_OFFICE, ROOFING, SELLERS, WORKSPACES
from bursar.http.app import create_app
from bursar.settings import Settings

SECRET = "a secret that only these tests know, of forty"


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(None, settings, route_handlers=demo_routes(settings))
    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as made:
            yield made
    finally:
        await app.close()


@pytest.fixture
def settings(database: ScratchDatabase) -> Settings:
    seed(database.service_url)
    return Settings(jwt_secret=SECRET, database_url=database.service_url, log_level="error")


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with served(settings) as made:
        yield made


async def token(client: httpx.AsyncClient, slug: str) -> str:
    answer = await client.post("/demo/token", json={"visitor": slug})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_the_page_names_offices_sellers_and_terms(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/marketplace")

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for workspace in WORKSPACES:
        assert f'value="{workspace.slug}"' in answer.text
    for seller in SELLERS:
        assert f'data-id="{seller.user_id}">{seller.name}<' in answer.text
    assert 'data-unit-amount="10" data-currency="gbp" data-fee="500"' in answer.text


async def test_every_file_that_the_page_names_is_there(client: httpx.AsyncClient) -> None:
    text = (await client.get("/demo/marketplace")).text
    named = [part.split('"', 1)[0] for part in text.split('="')[1:] if part.startswith(".")]

    for target in named:
        answer = await client.get(httpx.URL("http://bursar/demo/marketplace").join(target))
        assert answer.status_code == 200, target
    assert any("marketplace.js" in target for target in named)


@pytest.mark.parametrize("key", ["", "sk_test_of_nobody"])
async def test_cards_are_offered_where_there_is_a_key(settings: Settings, key: str) -> None:
    async with served(replace(settings, stripe_api_key=key)) as client:
        text = (await client.get("/demo/marketplace")).text

    assert ('data-cards="yes"' in text) == bool(key)
    assert ('id="top-ups"' in text) == bool(key)
    assert key == "" or key not in text


async def test_the_page_is_there_without_a_database() -> None:
    address = "postgresql://nobody@127.0.0.1:1/none"
    async with served(Settings(jwt_secret=SECRET, database_url=address)) as client:
        page = await client.get("/demo/marketplace")
        shelves = await client.post("/demo/restock", json={})

    assert page.status_code == 200
    assert "data-unit-amount" not in page.text
    assert shelves.status_code == 503


async def test_an_office_signs_in_and_acts_for_its_own_workspace(
    client: httpx.AsyncClient,
) -> None:
    access = await token(client, ROOFING.slug)
    me = {"authorization": f"Bearer {access}"}

    answer = await client.post(
        "/api/marketplace/purchase",
        json={"leadIds": [ROOF_LEEDS.lead_id()], "paymentMethod": "credits"},
        headers=me,
    )

    claims = jwt.decode(access, SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["role"]) == (ROOFING.user_id, "authenticated")
    assert answer.status_code == 200, answer.text
    assert answer.json()["balance"] == ROOFING.opening_credits - ROOF_LEEDS.price
    rows = await client.get("/rest/v1/marketplace_purchases?select=status", headers=me)
    assert rows.json() == [{"status": "completed"}]


async def test_offices_are_not_given_credits(client: httpx.AsyncClient) -> None:
    answer = await client.post("/demo/credits", json={"visitor": NEW_OFFICE.slug, "key": "k"})

    assert answer.status_code == 404


async def test_sold_out_jobs_are_put_on_sale_again_when_asked(client: httpx.AsyncClient) -> None:
    me = {"authorization": f"Bearer {await token(client, ROOFING.slug)}"}
    body = {"leadIds": [ROOF_LEEDS.lead_id()], "paymentMethod": "credits"}
    await client.post("/api/marketplace/purchase", json=body, headers=me)

    first = await client.post("/demo/restock", json={})
    again = await client.post("/demo/restock", json={})
    other = await client.post("/demo/restock", json={}, headers={"sec-fetch-site": "cross-site"})

    assert first.json() == {"added": 1}
    assert again.json() == {"added": 0}
    assert other.status_code == 403
