"""What the doors say when the database did it and its answer was lost: that nobody knows."""

import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from bursar.db.pool import has_ended
from bursar.db.scratch import ScratchDatabase
from bursar.http.community_test import Browser, signed_in
from bursar.http.conftest import SECRET, Door, client_of, opened
from bursar.settings import Settings
from tests.commons import new_member, posted
from tests.ledger_in_sql import Ledger
from tests.patience import until
from tests.relay import Relay, relay_before
from tests.studio import new_artist
from tests.village import POSTS, said_no, told

DEDUCT = "/rest/v1/rpc/deduct_credit_atomic"
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


def postgrest_error(answer: httpx.Response) -> tuple[int, str, bool]:
    """The status and the code of an answer, and whether it asks for the same request again."""
    body = answer.json()
    assert set(body) == {"code", "message", "details", "hint"}, body
    return answer.status_code, body["code"], "retry-after" in answer.headers


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


async def test_a_function_that_deducts_and_whose_answer_was_lost_does_not_ask_for_it_again(
    far: Door, relay: Relay
) -> None:
    ledger = Ledger(far.database)
    artist = new_artist(ledger)
    me = far.bearer("authenticated", artist)
    body = {"p_user_id": artist, "p_rate_limit_seconds": 0}
    before = ledger.value("SELECT credits FROM profiles WHERE id = %s", artist)
    relay.loses = b"COMMIT"

    lost = await far.client.post(DEDUCT, json=body, headers=me)

    assert postgrest_error(lost) == (503, "OUTCOME_UNKNOWN", False)
    assert lost.json()["details"] is None
    assert ledger.value("SELECT credits FROM profiles WHERE id = %s", artist) == before - 1


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.pgrst.object+json"])
async def test_rows_that_were_inserted_and_whose_answer_was_lost_are_unknown(
    far: Door, relay: Relay, accept: str
) -> None:
    headers, count = await _seller(far, accept), _rewards_of(far)
    relay.loses = b"COMMIT"  # Who wants one object has its row looked at first.

    lost = await far.client.post("/rest/v1/rewards", json=_REWARD, headers=headers)

    assert postgrest_error(lost) == (503, "OUTCOME_UNKNOWN", False)
    assert count() == 1
    assert json.loads(lost.content)["message"].startswith("The outcome is unknown")


async def test_what_was_lost_before_it_was_committed_was_not_done(far: Door, relay: Relay) -> None:
    headers, count = await _seller(far, "application/vnd.pgrst.object+json"), _rewards_of(far)
    relay.loses = b"INSERT"

    lost = await far.client.post("/rest/v1/rewards", json=_REWARD, headers=headers)

    assert postgrest_error(lost) == (503, "PGRST001", True)
    assert count() == 0


async def test_what_was_not_sent_and_what_only_reads_may_be_asked_again(
    far: Door, relay: Relay
) -> None:
    headers, count = await _seller(far, "application/json"), _rewards_of(far)
    relay.loses = b"FROM"
    read = await far.client.get("/rest/v1/rewards", headers=headers)
    assert postgrest_error(read) == (503, "PGRST001", True)

    assert (await far.client.get("/rest/v1/rewards", headers=headers)).status_code == 200
    idle = far.app._session._pool._pool._pool  # type: ignore[union-attr] # it is open by now
    relay.cut()
    await until(lambda: bool(idle) and has_ended(idle[0]))
    written = await far.client.post("/rest/v1/rewards", json=_REWARD, headers=headers)

    assert postgrest_error(written) == (503, "PGRST001", True)
    assert count() == 0


_REWARD = {"name": "Sticker", "cost": 60}


async def _seller(far: Door, accept: str) -> dict[str, str]:
    """Somebody who sells: the catalogue was read for them, so that nothing else is to be asked."""
    seller, me = far.user()
    _REWARD["creator_id"] = seller
    await far.client.get("/rest/v1/rewards", headers=me)
    return me | {"accept": accept, "prefer": "return=representation"}


def _rewards_of(far: Door) -> Callable[[], int]:
    ledger = Ledger(far.database)
    return lambda: int(ledger.value("SELECT count(*) FROM rewards"))
