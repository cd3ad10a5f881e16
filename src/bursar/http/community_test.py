"""The community's doors: what each answers, whom they let in, and what comes of duplicates."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bursar.http.conftest import Door, client_of
from tests.commons import credits_of, new_member, posted
from tests.ledger_in_sql import Ledger, done
from tests.village import FEED, LOGIN, ME, POSTS, SCORES, a_score, said_no, told

LOVE = {"reaction_type": "love"}


@dataclass
class Browser:
    """Somebody who is signed in, and the database behind the doors."""

    door: Door
    ledger: Ledger
    client: httpx.AsyncClient
    id: str

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers=named)

    async def delete(self, post_id: str) -> httpx.Response:
        return await self.client.delete(f"/community/delete/{post_id}")

    async def feed(self, **parameters: object) -> dict[str, Any]:
        query = {name: str(value) for name, value in parameters.items()}
        found: dict[str, Any] = told(await self.client.get(FEED, params=query))
        return found


@pytest.fixture
async def ada(door: Door) -> AsyncIterator[Browser]:
    ledger = Ledger(door.database)
    async with client_of(door.app) as client:
        yield await signed_in(door, ledger, client, new_member(ledger))


async def signed_in(door: Door, ledger: Ledger, client: httpx.AsyncClient, user_id: str) -> Browser:
    opened = told(await client.post(LOGIN, headers=door.bearer("authenticated", user_id)))
    client.headers["x-csrf-token"] = opened["csrf_token"]
    return Browser(door, ledger, client, user_id)


async def test_a_post_is_written_once_under_its_key_and_deleted(ada: Browser) -> None:
    first = told(await ada.post(POSTS, {"body": " hello "}, idempotency_key="k"))
    again = await ada.post(POSTS, {"body": "hello"}, idempotency_key="k")
    other = await ada.post(POSTS, {"body": "other"}, idempotency_key="k")

    assert (first["body"], first["replayed"]) == ("hello", False)
    assert (again.json()["post_id"], again.headers["idempotent-replayed"]) == (
        first["post_id"],
        "true",
    )
    assert said_no(other) == (422, "idempotency_mismatch", "IDEMPOTENCY_MISMATCH")
    post = first["post_id"]
    reader = new_member(ada.ledger)
    ada.ledger.one("react_to_post", **LOVE, post_id=post, user_id=reader, caller=SERVICE)
    assert told(await ada.delete(post)) == {"post_id": post, "reactions_kept": 1}
    assert said_no(await ada.delete(post)) == (404, "post_not_found", "POST_NOT_FOUND")
    for bad in ({}, {"body": ""}, {"body": "x" * 2001}, {"body": " "}, {"body": 1}, {"b": "x"}):
        assert said_no(await ada.post(POSTS, bad)) == (400, "invalid_request", "MALFORMED"), bad


async def test_other_peoples_posts_are_theirs(ada: Browser) -> None:
    theirs = posted(ada.ledger, new_member(ada.ledger))
    done(ada.ledger.one("grant", owner_id=ada.id, asset="community_credit", amount=9))

    assert said_no(await ada.delete(theirs)) == (403, "not_authorized", "NOT_AUTHORIZED")
    assert said_no(await ada.post(f"/community/boost/{theirs}"))[2] == "POST_NOT_FOUND"
    hide = {"action": "hide", "reason": "mine is better"}
    refused = await ada.post(f"/community/moderate/{theirs}", hide)
    assert said_no(refused) == (403, "not_authorized", "NOT_AUTHORIZED")
    assert ada.ledger.value("SELECT is_hidden FROM posts WHERE id = %s", theirs) is False
    assert credits_of(ada.ledger, ada.id) == 9


async def test_a_hundred_duplicates_are_one_row_and_one_award(ada: Browser) -> None:
    author = new_member(ada.ledger)
    post = posted(ada.ledger, author)
    round_of = a_score(500)

    reactions = await asyncio.gather(
        *(ada.post(f"/community/react/{post}", LOVE) for _ in range(100))
    )
    scores = await asyncio.gather(*(ada.post(SCORES, round_of) for _ in range(100)))

    made = [told(answer) for answer in reactions]
    assert [one["created"] for one in made].count(True) == 1
    assert sum(one["awarded"] for one in made) == 1
    assert all(one["reactions"] == {"love": 1} for one in made)
    assert ada.ledger.value("SELECT count(*) FROM post_reactions WHERE post_id = %s", post) == 1
    assert credits_of(ada.ledger, author) == 1
    taken = [told(answer) for answer in scores]
    assert [one["created"] for one in taken].count(True) == 1
    assert sum(one["awarded"] for one in taken) == 4
    assert len({one["score_id"] for one in taken}) == 1
    assert ada.ledger.value("SELECT count(*) FROM scores WHERE user_id = %s", ada.id) == 1
    assert credits_of(ada.ledger, ada.id) == 4
    ada.ledger.keeps_its_promises()


async def test_scores_are_bounded_and_a_round_is_scored_once(ada: Browser) -> None:
    first = a_score(99)
    assert told(await ada.post(SCORES, first))["awarded"] == 0
    changed = await ada.post(SCORES, first | {"points": 98})
    assert said_no(changed) == (422, "idempotency_mismatch", "IDEMPOTENCY_MISMATCH")
    for fields in (
        {"points": 10_001, "duration_sec": 9000},
        {"points": 101, "duration_sec": 1},
        {"points": -1},
        {"points": 1.5},
        {"points": True},
        {"duration_sec": 0},
        {"game": "chess"},
        {"round_id": ""},
    ):
        answer = await ada.post(SCORES, a_score() | fields)
        assert said_no(answer) == (400, "invalid_request", "MALFORMED"), fields
    game = told(await ada.client.get(ME))["games"][0]
    assert (game["best"], [m["awarded"] for m in game["milestones"]]) == (99, [False] * 3)


async def test_a_boost_is_paid_for_once_and_penalties_keep_from_it(ada: Browser) -> None:
    done(ada.ledger.one("grant", owner_id=ada.id, asset="community_credit", amount=7))
    post = posted(ada.ledger, ada.id)
    address = f"/community/boost/{post}"

    first = told(await ada.post(address, idempotency_key="b"))
    again = told(await ada.post(address, idempotency_key="b"))

    assert (first["amount"], first["credits"], first["replayed"]) == (5, 2, False)
    assert again == first | {"replayed": True}
    assert said_no(await ada.post(address)) == (402, "insufficient_funds", "INSUFFICIENT_FUNDS")
    assert [p["post_id"] for p in (await ada.feed())["boosted"]] == [post]
    ada.ledger.admin.execute(
        "UPDATE users SET boost_penalty_until = '2999-01-01', challenge_penalty_until ="
        " '2999-01-01' WHERE id = %s",
        [ada.id],
    )
    for answer in (await ada.post(address), await ada.post(SCORES, a_score())):
        assert said_no(answer) == (403, "penalty_active", "PENALTY_ACTIVE")
        assert answer.json()["details"]["until"].startswith("2999")


async def test_the_feed_has_pages_that_lose_and_repeat_nothing(ada: Browser) -> None:
    author = new_member(ada.ledger)
    # Several of one moment, as an import makes them.
    ada.ledger.admin.execute(
        "INSERT INTO posts (user_id, body, created_at)"
        " SELECT %s, n::text, now() - make_interval(secs => n / 5) FROM generate_series(1, 23) n",
        [author],
    )
    seen: list[str] = []
    page = await ada.feed(limit=5)
    while True:
        seen += [post["body"] for post in page["posts"]]
        if page["next"] is None:
            break
        posted(ada.ledger, author, "newer")
        page = await ada.feed(limit=5, before=page["next"])

    assert sorted(seen, key=int) == [str(n) for n in range(1, 24)]
    assert len(page["posts"]) == 3
    for bad in ("before=x", "before=1_x", "limit=0", "limit=101", "page=2", "limit=1&limit=2"):
        answer = await ada.client.get(f"{FEED}?{bad}")
        assert said_no(answer) == (400, "invalid_request", "MALFORMED"), bad


async def test_moderators_hide_and_the_service_does(ada: Browser) -> None:
    author = new_member(ada.ledger)
    post = posted(ada.ledger, author)
    address = f"/community/moderate/{post}"
    ada.ledger.admin.execute("UPDATE users SET is_moderator = true WHERE id = %s", [ada.id])

    hidden = await ada.post(address, {"action": "hide", "reason": "advertising"})

    assert told(hidden) == {"action": "hide", "post_id": post}
    assert (await ada.feed())["posts"] == []
    react = await ada.post(f"/community/react/{post}", LOVE)
    assert said_no(react) == (404, "post_not_found", "POST_NOT_FOUND")
    show = {"action": "show", "reason": "it was none"}
    async with client_of(ada.door.app) as backend:
        assert (await backend.post(address, json=show)).status_code == 401
        for role, status in (("service_role", 200), ("authenticated", 403)):
            headers = ada.door.bearer(role, author)
            answer = await backend.post(address, json=show, headers=headers)
            assert answer.status_code == status
    assert ada.ledger.rows("SELECT action, actor FROM moderation_actions ORDER BY id") == [
        ("hide", f"user:{ada.id}"),
        ("show", "service"),
    ]
    assert told(await ada.delete(post))["post_id"] == post


async def test_the_service_makes_users_who_sign_in(ada: Browser) -> None:
    body = {"username": "grace", "password": "a long pass phrase"}
    async with client_of(ada.door.app) as browser:
        made = told(await browser.post("/community/users", json=body, headers=ada.door.service))
        opened = told(await browser.post(LOGIN, json=body))
        me = ada.door.bearer("authenticated", ada.id)
        refused = await browser.post("/community/users", json=body, headers=me)

    assert made["created"]
    assert opened["user_id"] == made["user_id"]
    assert said_no(refused) == (403, "not_authorized", "NOT_AUTHORIZED")


async def test_while_changes_are_paused_only_reading_goes_on(ada: Browser) -> None:
    post = posted(ada.ledger, ada.id)
    ada.ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    stranger = ada.door.bearer("authenticated", str(uuid.uuid4()))

    answers = [
        await ada.post(POSTS, {"body": "b"}),
        await ada.post(f"/community/react/{post}", LOVE),
        await ada.post(SCORES, a_score()),
        await ada.post(f"/community/boost/{post}"),
        await ada.post(f"/community/moderate/{post}", {"action": "hide", "reason": "r"}),
        await ada.delete(post),
        await ada.post(LOGIN, {"username": "new"}, **stranger),
    ]

    assert {said_no(answer) for answer in answers} == {(503, "degraded", "DEGRADED")}
    assert [p["post_id"] for p in (await ada.feed())["posts"]] == [post]
    assert told(await ada.client.get(ME))["credits"] == 0
    me = ada.door.bearer("authenticated", ada.id)
    assert (await ada.client.post(LOGIN, headers=me)).status_code == 200
    health = (await ada.client.get("/health")).json()
    assert (health["status"], health["degraded"]) == ("ok", True)
    assert told(await ada.client.get("/api/word-finder/_ping"))["status"] == "ok"


SERVICE = {"role": "service_role"}
