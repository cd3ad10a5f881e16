"""The doors of generation say no to what cannot be read, to strangers, and while closed."""

from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault
from bursar.http.conftest import Door, Told, app_of, client_of, shop_of
from bursar.http.generation_test import (
    CANCEL,
    DEDUCT,
    FOX,
    REFUND,
    SUBMIT,
    Artist,
    said_no,
    unlimited,
)
from tests.ledger_in_sql import done


@pytest.fixture
def artist(door: Door) -> Artist:
    return Artist(door, 5)


BAD: dict[str, dict[str, list[str]]] = {
    SUBMIT: {
        "unreadable": ["", "{", "[]", '{"prompt": "a", "prompt": "b"}', '{"prompt": "\\u0000"}'],
        "neither or both": ["{}", '{"prompt": "a", "input": {}}'],
        "prompt": ['{"prompt": ""}', '{"prompt": 5}', f'{{"prompt": "{"p" * 8001}"}}'],
        "input": ['{"input": []}', f'{{"input": {{"a": "{"ü" * 9000}"}}}}'],
        "size": ['{"prompt": "a", "size": "big"}', '{"input": {"size": 1}, "size": "1x1"}'],
        "others": ['{"prompt": "a", "price": 0}', '{"prompt": "a", "product": ""}'],
        "key": ['{"prompt": "a", "idempotency_key": ""}'],
    },
    DEDUCT: {"limit": ['{"rate_limit_seconds": -1}', '{"rate_limit_seconds": 1.5}', "[]", "5"]},
    REFUND: {"others": ['{"deduction": 5}', "[]"]},
    CANCEL: {"job": ["{}", '{"job_id": "x"}', '{"job_id": 5}']},
}


async def test_what_cannot_be_read_is_400_invalid_request(artist: Artist) -> None:
    for path, kinds in BAD.items():
        for kind, bodies in kinds.items():
            for body in bodies:
                answer = await artist.door.client.post(path, content=body, headers=artist.headers)
                told = said_no(answer)
                assert told == (400, "invalid_request", "MALFORMED"), (path, kind, body)
    other = artist.headers | {"content-type": "text/plain"}
    answer = await artist.door.client.post(SUBMIT, content="{}", headers=other)
    assert said_no(answer)[:2] == (415, "unsupported_media_type")
    assert artist.credits == (5, 0, 0)


async def test_an_unknown_product_is_404(artist: Artist) -> None:
    for path, body in ((DEDUCT, {"product": "x"}), (SUBMIT, FOX | {"product": "x"})):
        assert said_no(await artist.post(path, body)) == (
            *(404, "product_not_found"),
            "PRODUCT_NOT_FOUND",
        )


async def test_without_a_token_it_is_401(door: Door) -> None:
    for headers in ({}, door.bearer("anon", None), {"authorization": "Bearer x"}):
        for path in (DEDUCT, REFUND, SUBMIT, CANCEL):
            answer = await door.client.post(path, headers=headers, content=b"{}")
            assert said_no(answer) == (401, "unauthorized", "UNAUTHENTICATED")


async def test_users_act_for_themselves_and_the_service_for_whom_it_names(
    artist: Artist, door: Door
) -> None:
    stranger = Artist(door, 5)
    unlimited(artist)
    for path, body in ((DEDUCT, {}), (REFUND, {}), (SUBMIT, FOX)):
        for_another = await stranger.post(path, body | {"user_id": artist.id})
        assert said_no(for_another) == (403, "not_authorized", "NOT_AUTHORIZED")
        assert (await artist.post(path, body | {"user_id": artist.id})).status_code == 200
        unnamed = await door.client.post(path, json=body, headers=door.service)
        assert said_no(unnamed) == (400, "invalid_request", "MALFORMED")
    for_them = {"user_id": artist.id}
    answer = await door.client.post(SUBMIT, json=FOX | for_them, headers=door.service)
    assert (answer.status_code, stranger.credits) == (200, (5, 0, 0))
    named = await door.client.post(SUBMIT, json=FOX | {"user_id": "ann"}, headers=door.service)
    assert said_no(named) == (400, "invalid_request", "MALFORMED")


async def test_a_user_cannot_loosen_the_limit_and_the_service_may(
    artist: Artist, door: Door
) -> None:
    artist.ledger.stop_clock()
    await artist.job()
    loose = {"rate_limit_seconds": 0}
    assert said_no(await artist.post(DEDUCT, loose))[0] == 429
    by_service = await door.client.post(
        DEDUCT, json=loose | {"user_id": artist.id}, headers=door.service
    )
    assert by_service.status_code == 200


async def test_while_changes_are_paused_it_is_503_degraded(
    artist: Artist, database: ScratchDatabase
) -> None:
    artist.ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    job_id = {"job_id": "4c1f7b0e-5d2a-4e8f-9b36-8a7d6c5e4f3b"}
    bodies: dict[str, Any] = {DEDUCT: {}, REFUND: {}, SUBMIT: FOX, CANCEL: job_id}
    for path, body in bodies.items():
        assert said_no(await artist.post(path, body)) == (503, "degraded", "DEGRADED")
    artist.ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    async with shop_of(database, degraded_mode="on") as paused:
        answer = await paused.client.post(SUBMIT, json=FOX, headers=artist.headers)
        assert said_no(answer) == (503, "degraded", "DEGRADED")


async def test_a_closed_wallet_is_said_to_be_closed(door: Door) -> None:
    closed = Artist(door, 0)
    wallet = {"owner_id": closed.id, "asset": "generation_credit"}
    for verb, more in (
        *(("grant", {"amount": 1}), ("spend", {"amount": 1})),
        ("freeze", {"wallet_status": "closed"}),
    ):
        done(closed.ledger.one(verb, **wallet, **more))
    assert said_no(await closed.post(SUBMIT, FOX)) == (403, "wallet_closed", "WALLET_CLOSED")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Fault("a column is missing"), (500, "internal_error", "FAULT")),
        ({"status": "refused", "code": "BUSY", "message": "BUSY: held"}, (503, "busy", "BUSY")),
    ],
)
async def test_what_fails_says_nothing_of_its_inside(said: Any, told: tuple[int, str, str]) -> None:
    app = app_of(Told(said))
    async with client_of(app) as client:
        answer = await client.post(SUBMIT, json=FOX, headers=Door.bearer("authenticated", "ann"))
        assert said_no(answer) == told
        assert "missing" not in answer.text
    await app.close()
