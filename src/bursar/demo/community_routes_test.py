"""The community's page, and what its members have posted before anybody looks."""

from collections.abc import AsyncIterator

import httpx
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from bursar.demo.community_routes import KINDS
from bursar.demo.first_posts import POSTS, post_id_of
from bursar.demo.members import MEMBERS, MODERATOR, READER, REGULAR
from bursar.demo.routes import demo_routes
from bursar.demo.seed import seed
from bursar.http.app import create_app
from bursar.http.community_bodies import NewReaction
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done
from tests.village import told

SECRET = "a secret that only these tests know, of forty"


@pytest.fixture
async def client(database: ScratchDatabase) -> AsyncIterator[httpx.AsyncClient]:
    seed(database.service_url)
    settings = Settings(jwt_secret=SECRET, database_url=database.service_url, log_level="error")
    app = create_app(None, settings, route_handlers=demo_routes(settings))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bursar") as made:
        yield made
    await app.close()


async def test_members_sign_in_as_an_apps_users_do_and_find_posts(
    client: httpx.AsyncClient, database: ScratchDatabase
) -> None:
    for member in MEMBERS:
        token = (await client.post("/demo/token", json={"visitor": member.slug})).json()
        headers = {"authorization": f"Bearer {token['access_token']}"}
        assert told(await client.post("/community/login", headers=headers))["joined"] is False
        me = told(await client.get("/community/me"))
        assert (me["username"], me["is_moderator"]) == (member.slug, member is MODERATOR)
    feed = told(await client.get("/community/feed"))
    assert [post["body"] for post in feed["posts"]] == [body for _, body in reversed(POSTS)]
    ledger = Ledger(database)
    opening = REGULAR.opening_credits
    assert ledger.wallet(REGULAR.user_id, "community_credit")[0] == opening + 2
    ledger.keeps_its_promises()


async def test_what_was_deleted_stays_so_when_the_demonstration_is_set_up_again(
    client: httpx.AsyncClient, database: ScratchDatabase
) -> None:
    ledger = Ledger(database)
    request = {"post_id": post_id_of(1), "user_id": READER.user_id}
    service = {"role": "service_role"}
    done(ledger.rows("SELECT bursar.delete_post(%s)", Jsonb(request | {"caller": service}))[0][0])

    seed(database.service_url)

    assert ledger.value("SELECT count(*) FROM posts") == len(POSTS) - 1
    assert ledger.value("SELECT count(*) FROM post_reactions") == 3


async def test_the_page_shows_every_kind_of_reaction(client: httpx.AsyncClient) -> None:
    page = (await client.get("/demo/community")).text

    for kind in KINDS:
        assert f'data-kind="{kind.code}"' in page
    kinds = NewReaction.__annotations__["reaction_type"].__args__
    assert [kind.code for kind in KINDS] == list(kinds)
    assert 'href="./demo/community"' in (await client.get("/")).text
