"""The doors of generation: what an app is told, word for word, and whom they let in."""

import asyncio
from typing import Any

import httpx
import pytest

from bursar.errors import Fault
from bursar.http.conftest import Door
from tests.ledger_in_sql import Ledger, done
from tests.studio import credits_of, end, job, new_artist, new_product

FUNCTIONS = "/functions/v1"
DEDUCT, REFUND = f"{FUNCTIONS}/check-and-deduct-credit", f"{FUNCTIONS}/refund-credit"
SUBMIT, CANCEL = f"{FUNCTIONS}/submit-generation", f"{FUNCTIONS}/cancel-generation"
FOX = {"prompt": "a fox"}


class Artist:
    """Somebody at the door with some credits."""

    def __init__(self, door: Door, credits_had: int) -> None:
        self.ledger = Ledger(door.database)
        self.door = door
        self.id = new_artist(self.ledger, credits_had)
        self.headers = door.bearer("authenticated", self.id)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.door.client.post(path, json=body or {}, headers=self.headers | more)

    async def job(self, **headers: str) -> str:
        """Submit a job that is taken; return its id."""
        answer = await self.post(SUBMIT, FOX, **headers)
        assert answer.status_code == 200, answer.text
        made: str = answer.json()["job_id"]
        return made

    @property
    def credits(self) -> tuple[int, int, int]:
        return credits_of(self.ledger, self.id)


@pytest.fixture
async def artist(door: Door) -> Artist:
    return Artist(door, 5)


def said_no(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()
    assert set(told) == {"success", "error", "code", "message", "details"}, told
    assert told["success"] is False
    assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))
    return answer.status_code, told["error"], told["code"]


def unlimited(artist: Artist) -> None:
    artist.ledger.admin.execute("UPDATE generation_products SET rate_limit_seconds = 0")


async def test_older_apps_deduct_then_submit_and_pay_once(artist: Artist) -> None:
    taken = await artist.post(DEDUCT, {"rate_limit_seconds": 5})
    told = taken.json()
    assert (taken.status_code, set(told)) == (
        200,
        {"success", "credits_remaining", "amount", "transaction_id", "replayed"},
    )
    assert (told["success"], told["credits_remaining"], told["amount"]) == (True, 4, 1)

    made = await artist.post(SUBMIT, FOX)

    assert made.status_code == 200, made.text
    assert (made.json()["status"], made.json()["credits_remaining"]) == ("queued", 4)
    nothing = await artist.post(REFUND)
    assert said_no(nothing) == (409, "nothing_to_refund", "NOTHING_TO_REFUND")
    done(end(artist.ledger, made.json()["job_id"]))
    assert artist.credits == (4, 0, 0)


async def test_what_no_job_came_of_is_given_back_once(artist: Artist) -> None:
    await artist.post(DEDUCT)
    back = await artist.post(REFUND)
    assert (back.status_code, back.json()["credits_remaining"]) == (200, 5)
    assert said_no(await artist.post(REFUND))[:2] == (409, "nothing_to_refund")
    answers = await asyncio.gather(*(artist.post(REFUND) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {409}
    assert artist.credits == (5, 0, 0)


@pytest.mark.parametrize("path", [DEDUCT, SUBMIT])
async def test_too_early_is_429_and_says_how_long_to_wait(artist: Artist, path: str) -> None:
    artist.ledger.stop_clock()
    body = FOX if path == SUBMIT else {}
    assert (await artist.post(path, body)).status_code == 200
    before = artist.credits
    if path == DEDUCT:  # Otherwise it would be taken over.
        await artist.post(SUBMIT, FOX)

    early = await artist.post(path, body)

    assert said_no(early) == (429, "rate_limited", "RATE_LIMITED")
    assert early.json()["details"]["retry_after_seconds"] == 10
    assert early.headers["retry-after"] == "10"
    assert early.json()["message"] == "Please wait 10 seconds before generating again."
    assert artist.credits == before


async def test_without_credit_it_is_402_and_no_turn_is_used(door: Door) -> None:
    poor = Artist(door, 0)
    done(poor.ledger.one("grant", owner_id=poor.id, asset="generation_credit", amount=1))
    dear = new_product(poor.ledger, price=2, rate_limit_seconds=60)
    for path, body in ((DEDUCT, {"product": dear}), (SUBMIT, FOX | {"product": dear})):
        assert said_no(await poor.post(path, body)) == (
            *(402, "insufficient_funds"),
            "INSUFFICIENT_FUNDS",
        )
    assert (await poor.post(SUBMIT, FOX)).status_code == 200


async def test_fifty_at_once_under_one_key_are_one_job(artist: Artist) -> None:
    answers = await asyncio.gather(
        *(artist.post(SUBMIT, FOX, idempotency_key="k") for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sorted(answer.json()["replayed"] for answer in answers) == [False] + [True] * 49
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49
    assert artist.credits == (5, 1, 0)
    changed = await artist.post(SUBMIT, {"prompt": "a dog"}, idempotency_key="k")
    assert said_no(changed) == (422, "idempotency_mismatch", "IDEMPOTENCY_MISMATCH")


async def test_fifty_deductions_at_once_under_one_key_take_one_credit(artist: Artist) -> None:
    answers = await asyncio.gather(*(artist.post(DEDUCT, idempotency_key="k") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["transaction_id"] for answer in answers}) == 1
    assert artist.credits == (4, 0, 0)


async def test_the_key_may_stand_in_the_body(artist: Artist) -> None:
    body = FOX | {"idempotency_key": "k"}
    first = (await artist.post(SUBMIT, body)).json()
    assert (await artist.post(SUBMIT, FOX, idempotency_key="k")).json()["job_id"] == first["job_id"]
    both = await artist.post(SUBMIT, body, idempotency_key="k")
    assert both.json()["job_id"] == first["job_id"]
    two = await artist.post(SUBMIT, body, idempotency_key="another")
    assert said_no(two) == (400, "invalid_request", "MALFORMED")


async def test_a_job_is_made_from_a_prompt_or_a_whole_input(artist: Artist) -> None:
    unlimited(artist)
    for body, made in (
        (FOX, {"prompt": "a fox"}),
        (FOX | {"size": "512x512"}, {"prompt": "a fox", "size": "512x512"}),
        ({"input": {"messages": [{"a": 1}]}}, {"messages": [{"a": 1}]}),
        ({"input": {}, "size": "auto"}, {"size": "auto"}),
    ):
        job_id = (await artist.post(SUBMIT, body)).json()["job_id"]
        assert job(artist.ledger, job_id)["input"] == made


async def test_a_job_is_cancelled_once_and_its_credit_is_back(artist: Artist, door: Door) -> None:
    unlimited(artist)
    job_id, finished = await artist.job(), await artist.job()
    done(end(artist.ledger, finished))
    stranger = Artist(door, 0)
    assert said_no(await stranger.post(CANCEL, {"job_id": job_id})) == (
        *(404, "job_not_found"),
        "JOB_NOT_FOUND",
    )
    told = (await artist.post(CANCEL, {"job_id": job_id})).json()
    assert told == {
        "success": True,
        "job_id": job_id,
        "status": "refunded",
        "reason": "cancelled",
        "refunded": 1,
    }
    again = (await artist.post(CANCEL, {"job_id": job_id})).json()
    assert again == told | {"refunded": 0}
    late = await artist.post(CANCEL, {"job_id": finished})
    assert said_no(late) == (409, "job_ended", "JOB_ENDED")
    assert artist.credits == (4, 0, 0)
    assert artist.ledger.value("SELECT actor FROM generation_events WHERE job_id = %s", job_id) == (
        f"user:{artist.id}"
    )


async def test_a_job_that_was_taken_is_told_also_when_the_wallet_cannot_be_read(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    await artist.post(DEDUCT)

    async def broken(function: str, *arguments: object) -> Any:
        raise Fault(function)

    monkeypatch.setattr(artist.door.app._ledger, "read", broken)
    made = await artist.post(SUBMIT, FOX)
    assert made.status_code == 200
    assert set(made.json()) == {"success", "job_id", "status", "replayed"}


async def test_calls_are_counted_with_what_their_callers_were_told(artist: Artist) -> None:
    artist.ledger.stop_clock()
    job_id = await artist.job()
    await artist.post(SUBMIT, FOX)
    await artist.post(DEDUCT)
    await artist.post(REFUND)
    await artist.post(CANCEL, {"job_id": job_id})
    await artist.door.client.post(SUBMIT, json=FOX)
    assert await artist.door.app.calls.flush(artist.door.app._ledger)
    counted = artist.ledger.rows(
        "SELECT function_name, status_code, error_code FROM function_metrics ORDER BY 1, 2"
    )
    assert counted == [
        ("cancel-generation", 200, None),
        ("check-and-deduct-credit", 429, "rate_limited"),
        ("refund-credit", 409, "nothing_to_refund"),
        ("submit-generation", 200, None),
        ("submit-generation", 401, "unauthorized"),
        ("submit-generation", 429, "rate_limited"),
    ]
