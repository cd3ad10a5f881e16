"""The studio's page, its credits, and what was ordered before anybody looks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.artists import APPRENTICE, ARTISTS, ILLUSTRATOR, NEW_ARTIST
from bursar.demo.easel import Easel
from bursar.demo.first_pictures import PROMPTS, order_first_pictures
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.demo.studio_routes import ENOUGH, FAULTS, SUGGESTIONS, TOP_UP
from bursar.demo.visitors import COLLECTOR
from bursar.http.app import create_app
from bursar.settings import Settings
from bursar.stand_ins.provider.api import Api
from bursar.stand_ins.provider.book import Book
from bursar.stand_ins.provider.faults import _WORDS as ORDERS
from bursar.stand_ins.provider.server import Server

SECRET = "a secret that only these tests know, of forty"
KEY = "sk-local-that-only-these-tests-know"


class Provider(httpx.AsyncBaseTransport):
    """The stand-in in place of a network, or nobody; it keeps who asked."""

    def __init__(self) -> None:
        self._answers = httpx.ASGITransport(app=Server(Api(Book(None), KEY)))
        self.asked: list[str] = []
        self.away = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.away:
            raise httpx.ConnectError("nobody is there")
        return await self._answers.handle_async_request(request)


@asynccontextmanager
async def served(
    settings: Settings, provider: Provider | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    pages = demo_routes(settings, provider)
    app = create_app(None, replace(settings, worker_jobs=0), route_handlers=pages)
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


def with_provider(settings: Settings, url: str = "http://127.0.0.1:9/v1") -> Settings:
    return replace(settings, provider_url=url, provider_api_key=KEY)


async def studio(client: httpx.AsyncClient, slug: str) -> dict[str, Any]:
    token = (await client.post("/demo/token", json={"visitor": slug})).json()["access_token"]
    answer = await client.get(
        "/functions/v1/generation-jobs", headers={"authorization": f"Bearer {token}"}
    )
    found: dict[str, Any] = answer.json()
    return found


async def test_the_page_names_artists_and_suggestions_under_a_strict_policy(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/demo/studio")

    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "unsafe" not in policy
    assert "img-src 'self' blob:;" in policy
    assert "script-src 'self';" in policy
    for artist in ARTISTS:
        assert f'value="{artist.slug}"' in answer.text
    for suggestion in SUGGESTIONS:
        assert f">{suggestion}<" in answer.text
    for part in answer.text.split('="')[1:]:
        target = part.split('"', 1)[0]
        if target.startswith("."):
            found = await client.get(httpx.URL("http://bursar/demo/studio").join(target))
            assert found.status_code == 200, target


async def test_only_the_studio_shows_pictures_that_scripts_made(client: httpx.AsyncClient) -> None:
    for page in ("/", "/demo/rewards", "/demo/marketplace", "/demo/shop"):
        answer = await client.get(page)
        assert "img-src 'self';" in answer.headers["content-security-policy"], page
        assert 'href="./demo/studio"' in answer.text or 'href="../demo/studio"' in answer.text


async def test_without_a_provider_it_says_so_and_nothing_can_be_told_to_fail(
    client: httpx.AsyncClient,
) -> None:
    text = (await client.get("/demo/studio")).text

    assert "no provider of its own" in text
    assert 'name="fault"' not in text


async def test_the_local_provider_can_be_told_to_fail_and_its_key_is_not_shown(
    settings: Settings,
) -> None:
    async with served(with_provider(settings), Provider()) as client:
        text = (await client.get("/demo/studio")).text

    assert "no provider of its own" not in text
    assert text.count('name="fault"') == len(FAULTS)
    assert KEY not in text


async def test_a_provider_of_somebody_elses_is_neither_asked_nor_told(settings: Settings) -> None:
    provider = Provider()
    for url in ("https://api.openai.com/v1", "https://127.0.0.1.example.com/v1"):
        async with served(with_provider(settings, url), provider) as client:
            text = (await client.get("/demo/studio")).text
        assert 'name="fault"' not in text
        assert "no provider of its own" not in text
    assert provider.asked == []


async def test_a_provider_that_crashed_just_now_is_still_the_local_one() -> None:
    provider = Provider()
    easel = Easel(with_provider(Settings()), provider)
    provider.away = True
    assert await easel.is_local() is False
    provider.away = False
    assert await easel.is_local() is True
    provider.away = True
    assert await easel.is_local() is True
    assert (
        await Easel(replace(with_provider(Settings()), provider_api_key=""), Provider()).is_local()
        is False
    )


def test_every_order_is_one_that_the_stand_in_reads() -> None:
    orders = [fault.order for fault in FAULTS]

    assert orders[0] == ""
    assert len(set(orders)) == len(orders)
    for order in orders[1:]:
        assert ORDERS.fullmatch(order), order


async def test_an_artist_gets_a_token_and_credits_once_for_a_key(
    client: httpx.AsyncClient,
) -> None:
    signed_in = (await client.post("/demo/token", json={"visitor": NEW_ARTIST.slug})).json()
    claims = jwt.decode(signed_in["access_token"], SECRET, algorithms=["HS256"])
    assert (claims["role"], claims["sub"]) == ("authenticated", NEW_ARTIST.user_id)

    body = {"visitor": NEW_ARTIST.slug, "key": "one"}
    first = (await client.post("/demo/studio/credits", json=body)).json()
    again = (await client.post("/demo/studio/credits", json=body)).json()
    assert (first["balance"], again["balance"], again["replayed"]) == (TOP_UP, TOP_UP, True)
    answers = [
        await client.post("/demo/studio/credits", json=body | {"key": f"more {number}"})
        for number in range(ENOUGH // TOP_UP)
    ]
    assert [answer.status_code for answer in answers] == [200] * 9 + [409]
    assert (await studio(client, NEW_ARTIST.slug))["wallet"]["available"] == ENOUGH


async def test_nobody_else_gets_credits_here(client: httpx.AsyncClient) -> None:
    path, body = "/demo/studio/credits", {"visitor": COLLECTOR.slug, "key": "k"}
    assert (await client.post(path, json=body)).status_code == 404
    body["visitor"] = NEW_ARTIST.slug
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert (await client.post(path, json=body, headers=elsewhere)).status_code == 403
    assert (await client.post(path, json=body | {"amount": 9})).status_code == 400


async def test_the_first_pictures_are_ordered_once(
    client: httpx.AsyncClient, database: ScratchDatabase
) -> None:
    assert order_first_pictures(database.service_url) == len(PROMPTS)
    with psycopg.connect(database.url) as connection:
        connection.execute("DELETE FROM bursar.idempotency")

    assert order_first_pictures(database.service_url) == 0
    seed(database.service_url)

    found = await studio(client, ILLUSTRATOR.slug)
    assert {job["input"]["prompt"] for job in found["jobs"]} == set(PROMPTS)
    assert len(found["jobs"]) == len(PROMPTS)
    assert found["wallet"]["credits"] == ILLUSTRATOR.opening_credits
    assert found["wallet"]["held"] == len(PROMPTS)
    assert (await studio(client, APPRENTICE.slug))["wallet"]["available"] == 1


async def test_whoever_has_no_credit_is_no_reason_not_to_start(database: ScratchDatabase) -> None:
    assert order_first_pictures(database.service_url) == 0
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) FROM generation_jobs").fetchone() == (0,)
