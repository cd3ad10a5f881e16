"""The shop's page, the pretend store's doors, and the operators' desk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo import shop_routes
from bursar.demo.learners import DAILY, LEARNERS, NEW_LEARNER
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.demo.visitors import COLLECTOR
from bursar.demo.wares import BOOSTER, SHIELD, WARES
from bursar.http.app import create_app
from bursar.http.health import KEEP_SECONDS
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS, be_patient

SECRET = "a secret that only these tests know, of forty"
HEADER = "Bearer what only these tests agreed upon"


class Wire(httpx.AsyncBaseTransport):
    """Carries the store's word to an app, and keeps what it carried."""

    def __init__(self) -> None:
        self.app: Any = None
        self.carried: list[httpx.Request] = []
        self.cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.carried.append(request)
        if self.cut:
            raise httpx.ConnectError("nobody is there")
        return await httpx.ASGITransport(app=self.app).handle_async_request(request)


@dataclass
class Front:
    """An app with the demonstration on it, a client, and the wire between it and the store."""

    client: httpx.AsyncClient
    wire: Wire

    async def sell(self, told: str = "once", **more: Any) -> dict[str, Any]:
        body = {"visitor": NEW_LEARNER.slug, "sku": SHIELD.sku, "told": told} | more
        answer = await self.client.post("/demo/store/purchases", json=body)
        assert answer.status_code == 200, answer.text
        sold: dict[str, Any] = answer.json()
        return sold

    async def shop(self, slug: str = NEW_LEARNER.slug) -> dict[str, Any]:
        answer = await self.client.get("/functions/v1/shop", headers=await self.me(slug))
        shop: dict[str, Any] = answer.json()
        return shop

    async def me(self, slug: str) -> dict[str, str]:
        answer = await self.client.post("/demo/token", json={"visitor": slug})
        return {"authorization": f"Bearer {answer.json()['access_token']}"}


@asynccontextmanager
async def served(settings: Settings, *, demo: bool = True) -> AsyncIterator[Front]:
    wire = Wire()
    pages = demo_routes(settings, wire) if demo else []
    wire.app = app = create_app(None, settings, route_handlers=pages)
    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as client:
            yield Front(client, wire)
    finally:
        await app.close()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)


@pytest.fixture
def settings(database: ScratchDatabase) -> Settings:
    seed(database.service_url)
    return Settings(
        jwt_secret=SECRET,
        database_url=database.service_url,
        revenuecat_authorization=HEADER,
        log_level="error",
    )


@pytest.fixture
async def front(settings: Settings) -> AsyncIterator[Front]:
    async with served(settings) as made:
        yield made


async def test_the_page_names_learners_and_wares_under_a_strict_policy(front: Front) -> None:
    answer = await front.client.get("/demo/shop")

    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["content-security-policy"]
    for learner in LEARNERS:
        assert f'value="{learner.slug}"' in answer.text
    for ware in WARES:
        assert f'data-sku="{ware.sku}"' in answer.text
    assert "£1.09" in answer.text
    assert HEADER not in answer.text
    # On a slow machine the first look at the database takes longer than a health may.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await front.client.get("/health")).status_code != 200:
            await asyncio.sleep(KEEP_SECONDS)
    for part in answer.text.split('="')[1:]:
        target = part.split('"', 1)[0]
        if target.startswith("."):
            found = await front.client.get(httpx.URL("http://bursar/demo/shop").join(target))
            assert found.status_code == 200, target


@pytest.mark.parametrize("front_page", ["/", "/demo/rewards", "/demo/marketplace"])
async def test_every_page_leads_to_it(front: Front, front_page: str) -> None:
    assert 'demo/shop">Shop</a>' in (await front.client.get(front_page)).text


async def test_a_sale_is_told_over_http_with_the_agreed_header(front: Front) -> None:
    sold = await front.sell()

    [request] = front.wire.carried
    assert request.url.path == "/api/webhooks/revenuecat"
    assert request.headers["authorization"] == HEADER
    assert sold["deliveries"] == [
        {"status": 200, "effect": "applied", "code": "", "replayed": False}
    ]
    assert [one["tx_id"] for one in (await front.shop())["claimable"]] == [sold["tx_id"]]


async def test_the_word_goes_to_our_own_socket_whatever_host_is_named(front: Front) -> None:
    await front.client.post(
        "/demo/store/purchases",
        json={"visitor": NEW_LEARNER.slug, "sku": SHIELD.sku},
        headers={
            "host": "elsewhere.example",
            "x-forwarded-host": "elsewhere.example",
            "forwarded": "host=elsewhere.example",
        },
    )

    [request] = front.wire.carried
    assert (request.url.host, request.url.port) == ("bursar", None)


async def test_told_twice_it_is_one_purchase(front: Front) -> None:
    sold = await front.sell("twice")

    assert [one["replayed"] for one in sold["deliveries"]] == [False, True]
    assert len((await front.shop())["claimable"]) == 1


async def test_a_late_word_comes_later(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_routes, "LATE_SECONDS", 1)

    sold = await front.sell("late")

    assert (sold["deliveries"], front.wire.carried) == ([], [])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await front.shop())["claimable"]:
            await asyncio.sleep(0.05)


async def test_where_nobody_takes_the_word_the_store_goes_on_trying(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bursar.demo.app_store.RETRY_SECONDS", 0.1)
    front.wire.cut = True

    sold = await front.sell()

    assert [one["status"] for one in sold["deliveries"]] == [0]
    front.wire.cut = False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await front.shop())["claimable"]:
            await asyncio.sleep(0.05)


async def test_a_service_that_asks_for_signatures_gets_them(settings: Settings) -> None:
    signed = replace(settings, revenuecat_authorization="", revenuecat_signature_secret="s" * 20)
    async with served(signed) as front:
        sold = await front.sell()

    assert [one["status"] for one in sold["deliveries"]] == [200]


async def test_a_refund_takes_a_claim_back_and_a_reversal_gives_it_again(front: Front) -> None:
    tx_id = "demo-1s-first"
    for kind, count in (("refund", 0), ("reversal", 1), ("purchase", 1)):
        answer = await front.client.post("/demo/store/events", json={"tx_id": tx_id, "kind": kind})
        assert answer.json()["deliveries"][0]["status"] == 200, answer.text
        assert (await front.shop(DAILY.slug))["wallet"]["streakshield_count"] == count


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/demo/store/purchases", {"visitor": COLLECTOR.slug, "sku": SHIELD.sku}, 404),
        ("/demo/store/purchases", {"visitor": NEW_LEARNER.slug, "sku": "other"}, 404),
        ("/demo/store/purchases", {"visitor": NEW_LEARNER.slug}, 400),
        ("/demo/store/events", {"tx_id": "2000000123456789", "kind": "refund"}, 404),
        ("/demo/store/events", {"tx_id": "demo-1s-first", "kind": "gift"}, 400),
        ("/demo/desk/mode", {"mode": "shut"}, 400),
        ("/demo/desk/message", {"text": "x" * 201}, 400),
        ("/demo/desk/message", {"text": "a\nb"}, 422),
        ("/demo/desk/message", {"text": "a\0b"}, 422),
        ("/demo/desk/sku", {"sku": "other", "on": True}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    front: Front, path: str, body: dict[str, Any], status: int
) -> None:
    before = (await front.shop())["status"]

    answer = await front.client.post(path, json=body)

    assert answer.status_code == status, answer.text
    assert front.wire.carried == []
    assert (await front.shop())["status"] == before


async def test_the_desk_turns_switches_and_says_that_it_was_the_desk(
    front: Front, database: ScratchDatabase
) -> None:
    for path, body in (
        ("mode", {"mode": "queue"}),
        ("message", {"text": " Back at noon – truly. "}),
        ("sku", {"sku": BOOSTER.sku, "on": False}),
    ):
        answer = await front.client.post(f"/demo/desk/{path}", json=body)
        assert answer.status_code == 200, answer.text

    status = (await front.shop())["status"]
    assert (status["claims_mode"], status["message"]) == ("queue", "Back at noon – truly.")
    assert status["skus"] == {SHIELD.sku: True, BOOSTER.sku: False}
    rows = database.connect().execute("SELECT key, actor, reason FROM store_config_changes")
    assert {key for key, _, _ in rows} == {"claims_mode", "status_message", "sku_enabled"}
    rows = database.connect().execute("SELECT DISTINCT actor FROM store_config_changes")
    assert rows.fetchall() == [("demo:shop-desk",)]


async def test_other_sites_turn_nothing(front: Front) -> None:
    for path in ("store/purchases", "store/events", "desk/mode", "desk/message", "desk/sku"):
        answer = await front.client.post(
            f"/demo/{path}", json={"mode": "queue"}, headers={"sec-fetch-site": "cross-site"}
        )
        assert answer.status_code == 403


async def test_outside_the_demonstration_there_is_no_desk_and_no_store(settings: Settings) -> None:
    async with served(settings, demo=False) as front:
        for path in ("store/purchases", "store/events", "desk/mode", "desk/message", "desk/sku"):
            answer = await front.client.post(f"/demo/{path}", json={"mode": "queue"})
            assert answer.status_code == 404


async def test_without_an_agreement_nothing_is_sold_and_the_page_says_why(
    settings: Settings,
) -> None:
    async with served(replace(settings, revenuecat_authorization="")) as front:
        page = await front.client.get("/demo/shop")
        answer = await front.client.post(
            "/demo/store/purchases", json={"visitor": NEW_LEARNER.slug, "sku": SHIELD.sku}
        )

    assert "BURSAR_REVENUECAT_AUTHORIZATION" in page.text
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_CONFIGURED")


async def test_the_page_is_there_without_a_database() -> None:
    settings = Settings(
        jwt_secret=SECRET,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        revenuecat_authorization=HEADER,
        log_level="error",
    )
    async with served(settings) as front:
        page = await front.client.get("/demo/shop")
        switch = await front.client.post("/demo/desk/mode", json={"mode": "queue"})

    assert page.status_code == 200
    assert (switch.status_code, switch.json()["code"]) == (503, "UNAVAILABLE")
