"""What the doors say when the database did it and its answer was lost: that nobody knows."""

from collections.abc import AsyncIterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.community_test import Browser, signed_in
from bursar.http.conftest import SECRET, Door, client_of, opened
from bursar.settings import Settings
from tests.commons import new_member, posted
from tests.ledger_in_sql import Ledger
from tests.relay import Relay, relay_before
from tests.village import POSTS, said_no, told

UNKNOWN = (503, "busy", "OUTCOME_UNKNOWN")


@pytest.fixture
async def relay(database: ScratchDatabase) -> AsyncIterator[Relay]:
    async with relay_before(database, database.service_url) as made:
        yield made


@pytest.fixture
async def far(database: ScratchDatabase, relay: Relay) -> AsyncIterator[Door]:
    """The app with a wire to its database that a test can cut."""
    settings = Settings(
        jwt_secret=SECRET, database_url=relay.url, log_level="error", pool_size_max=1
    )
    async with opened(Door, database, settings) as made:
        yield made


@pytest.fixture
async def ada(far: Door) -> AsyncIterator[Browser]:
    """A moderator who is signed in; whatever is to be connected is."""
    ledger = Ledger(far.database)
    async with client_of(far.app) as client:
        yield await signed_in(far, ledger, client, new_member(ledger, is_moderator=True))


async def test_a_deletion_that_worked_is_never_told_as_a_post_that_is_not_there(
    ada: Browser, relay: Relay
) -> None:
    post = posted(ada.ledger, ada.id)
    relay.loses = b"delete_post"

    lost = await ada.delete(post)

    assert (lost.status_code, lost.json()["code"]) == (503, "OUTCOME_UNKNOWN")
    assert "retry-after" not in lost.headers
    assert lost.json()["details"] == {}
    assert ada.ledger.value("SELECT count(*) FROM posts") == 0


async def test_what_a_moderator_did_once_is_written_down_once(ada: Browser, relay: Relay) -> None:
    post = posted(ada.ledger, new_member(ada.ledger))
    relay.loses = b"moderate"

    lost = await ada.post(f"/community/moderate/{post}", {"action": "hide", "reason": "spam"})

    assert (lost.status_code, lost.json()["code"]) == (503, "OUTCOME_UNKNOWN")
    assert ada.ledger.value("SELECT count(*) FROM moderation_actions") == 1


@pytest.mark.parametrize("headers", [{"idempotency_key": "k"}, {}], ids=["its key", "a new key"])
async def test_a_post_whose_answer_was_lost_is_found_by_the_key_that_is_told(
    ada: Browser, relay: Relay, headers: dict[str, str]
) -> None:
    relay.loses = b"write_post"

    lost = await ada.post(POSTS, {"body": "hello"}, **headers)
    key = lost.json()["details"]["key"]
    again = await ada.post(POSTS, {"body": "hello"}, idempotency_key=key)

    assert said_no(lost) == UNKNOWN
    assert key == headers.get("idempotency_key", key)
    assert told(again)["replayed"] is True
    assert ada.ledger.value("SELECT count(*) FROM posts") == 1


async def test_whoever_comes_in_and_whose_answer_was_lost_is_not_told_that_the_name_is_taken(
    far: Door, ada: Browser, relay: Relay
) -> None:
    relay.loses = b"join_community"
    async with client_of(far.app) as backend:
        lost = await backend.post(
            "/community/users", json={"username": "grace"}, headers=far.service
        )
    assert (lost.status_code, lost.json()["code"]) == (503, "OUTCOME_UNKNOWN")
    assert ada.ledger.value("SELECT count(*) FROM users WHERE username = 'grace'") == 1


async def test_a_wire_that_was_cut_before_costs_nobody_an_answer(
    ada: Browser, relay: Relay
) -> None:
    post = posted(ada.ledger, ada.id)
    relay.cut()
    assert told(await ada.delete(post)) == {"post_id": post, "reactions_kept": 0}
