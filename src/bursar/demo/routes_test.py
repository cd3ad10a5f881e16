"""The demonstration's pages and what may be asked of them."""

from collections.abc import AsyncIterator

import httpx
import jwt
import pytest

from bursar.console.routes import console_routes
from bursar.db.scratch import ScratchDatabase
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.demo.sign_in import ENOUGH, EVERYBODY
from bursar.demo.visitors import COLLECTOR, NEWCOMER, VISITORS
from bursar.http.app import create_app
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done

SECRET = "a secret that only these tests know, of forty"


@pytest.fixture
async def client(database: ScratchDatabase) -> AsyncIterator[httpx.AsyncClient]:
    seed(database.service_url)
    settings = Settings(jwt_secret=SECRET, database_url=database.service_url, log_level="error")
    app = create_app(
        None, settings, route_handlers=[*console_routes(settings), *demo_routes(settings)]
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as made:
        yield made
    await app.close()


async def test_the_page_is_served_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/rewards")

    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for visitor in VISITORS:
        assert f'value="{visitor.slug}"' in answer.text
    assert 'aria-current="page"' in answer.text


async def test_every_file_that_a_page_names_is_there(client: httpx.AsyncClient) -> None:
    for page in ("/", "/demo/rewards"):
        text = (await client.get(page)).text
        for part in text.split('="')[1:]:
            target = part.split('"', 1)[0]
            if target.startswith("."):
                answer = await client.get(httpx.URL(f"http://bursar{page}").join(target))
                wanted = 303 if target.endswith("console") else 200
                assert answer.status_code == wanted, target


async def test_the_pages_hold_below_a_prefix(client: httpx.AsyncClient) -> None:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    transport.root_path = "/shop"

    demo = await client.get("/shop/demo")
    page = await client.get("/shop/demo/rewards")
    sheet = httpx.URL("http://bursar/shop/demo/rewards").join("../static/bursar.css")

    assert httpx.URL("http://bursar/shop/demo").join(demo.headers["location"]).path == (
        "/shop/demo/rewards"
    )
    assert 'href="../static/bursar.css' in page.text
    assert (await client.get(sheet)).status_code == 200


@pytest.mark.parametrize("path", ["/demo", "/demo/"])
async def test_demo_leads_to_the_reward_store(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, follow_redirects=True)

    assert answer.url.path == "/demo/rewards"
    assert answer.status_code == 200


async def test_a_named_version_of_a_file_may_be_kept_and_others_are_asked_for_again(
    client: httpx.AsyncClient,
) -> None:
    plain = await client.get("/static/bursar.css")
    tag = plain.headers["etag"]
    digest = tag.strip('"')

    kept = await client.get(f"/static/bursar.css?v={digest}")
    again = await client.get("/static/bursar.css", headers={"if-none-match": tag})
    missing = await client.get("/static/..%2Fframe.py")

    assert plain.headers["cache-control"] == "no-cache"
    assert "immutable" in kept.headers["cache-control"]
    assert (again.status_code, again.content) == (304, b"")
    assert missing.status_code == 404


async def test_a_visitor_gets_a_short_token_of_their_own(client: httpx.AsyncClient) -> None:
    answer = await client.post("/demo/token", json={"visitor": "collector"})

    body = answer.json()
    claims = jwt.decode(body["access_token"], SECRET, algorithms=["HS256"])
    assert answer.status_code == 200
    assert claims["role"] == "authenticated"
    assert claims["sub"] == body["user_id"] == COLLECTOR.user_id
    assert claims["exp"] - claims["iat"] == body["expires_in"] <= 900


@pytest.mark.parametrize(
    "body",
    [
        {"visitor": "somebody else"},
        {"visitor": COLLECTOR.user_id},
        {"visitor": "service_role"},
        {"visitor": None},
        {},
        {"visitor": "collector", "role": "service_role"},
    ],
)
async def test_nobody_else_gets_a_token(
    client: httpx.AsyncClient, body: dict[str, str | None]
) -> None:
    answer = await client.post("/demo/token", json=body)

    assert answer.status_code in (400, 404)
    assert "access_token" not in answer.text


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/demo/token", json={"visitor": "c" * 2000})

    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/demo/token", "/demo/credits"])
async def test_a_page_of_another_site_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(
        path, json={"visitor": "collector", "key": "k"}, headers={"sec-fetch-site": "cross-site"}
    )

    assert answer.status_code == 403


async def test_without_the_demonstration_there_are_no_tokens(database: ScratchDatabase) -> None:
    settings = Settings(jwt_secret=SECRET, database_url=database.service_url, log_level="error")
    app = create_app(None, settings)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as client:
        answer = await client.post("/demo/token", json={"visitor": "collector"})
    await app.close()

    assert answer.status_code == 404


def test_the_demonstration_needs_a_secret() -> None:
    with pytest.raises(ValueError, match="BURSAR_JWT_SECRET"):
        demo_routes(Settings())


async def test_credits_are_added_once_for_a_key_and_only_until_there_are_plenty(
    client: httpx.AsyncClient,
) -> None:
    body = {"visitor": "newcomer", "key": "one"}
    first = await client.post("/demo/credits", json=body)
    again = await client.post("/demo/credits", json=body)

    assert first.json()["balance"] == 100
    assert (again.json()["balance"], again.json()["replayed"]) == (100, True)

    answers = [
        await client.post("/demo/credits", json={"visitor": "newcomer", "key": f"more {number}"})
        for number in range(ENOUGH // 100)
    ]
    assert [answer.status_code for answer in answers] == [200] * 9 + [409]
    assert "plenty" in answers[-1].json()["detail"]
    assert NEWCOMER.user_id not in answers[-1].text


async def test_a_visitors_latest_transactions_are_shown_with_both_sides(
    client: httpx.AsyncClient, database: ScratchDatabase
) -> None:
    stranger = "0f3c5a9e-0000-4000-8000-0000000077d1"
    done(
        Ledger(database).one(
            "transfer",
            owner_id=COLLECTOR.user_id,
            to_owner_id=stranger,
            asset="credit",
            amount=30,
            reason="a present",
            key="a present",
        )
    )
    answer = await client.get("/demo/happened", params={"visitor": COLLECTOR.slug})

    newest, oldest = answer.json()["transactions"]
    assert (newest["verb"], newest["reason"]) == ("transfer", "a present")
    assert newest["entries"] == [
        {"wallet": "Collector", "own": True, "amount": -30, "balance_after": 70},
        {"wallet": "another wallet", "own": False, "amount": 30, "balance_after": None},
    ]
    assert [side["wallet"] for side in oldest["entries"]] == ["system:external", "Collector"]
    assert stranger not in answer.text


async def test_what_happened_is_told_of_visitors_to_our_own_pages(
    client: httpx.AsyncClient,
) -> None:
    for visitor in EVERYBODY:
        assert (await client.get(f"/demo/happened?visitor={visitor}")).status_code == 200
    assert (await client.get(f"/demo/happened?visitor={COLLECTOR.user_id}")).status_code == 404
    assert (await client.get("/demo/happened")).status_code == 404
    other = {"sec-fetch-site": "cross-site"}
    answer = await client.get("/demo/happened?visitor=collector", headers=other)
    assert answer.status_code == 403
