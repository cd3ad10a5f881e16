import asyncio
import json
import uuid
from typing import Any

import pytest

from bursar.errors import BY_CODE
from bursar.http.conftest import Door


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert set(body) == {"code", "message", "details", "hint"}
    return body


def refusal_of(answer: Any, code: str) -> dict[str, Any]:
    body = error_of(answer, BY_CODE[code].http_status, BY_CODE[code].sqlstate)
    assert body["message"].startswith(f"{code}: ")
    return body


async def test_a_purchase_is_answered_with_the_outcome(door: Door) -> None:
    buyer, me = door.user()
    _, seller = door.user()
    await door.grant(buyer, 100)
    reward = await door.reward(seller, 60)
    answer = await door.buy(reward, buyer, me, p_expected_price=60)
    assert answer.status_code == 200
    outcome = answer.json()
    assert {**outcome, "transaction_id": 0} | {
        "status": "done",
        "verb": "purchase_reward",
        "amount": 60,
        "price": 60,
        "balance": 40,
        "available": 40,
        "held": 0,
        "replayed": False,
        "owner_id": buyer,
        "reward_id": reward,
        "asset": "credit",
    } == {**outcome, "transaction_id": 0}
    assert "idempotent-replayed" not in answer.headers


async def test_refusals_have_their_code_in_the_message(door: Door) -> None:
    buyer, me = door.user()
    seller_id, seller = door.user()
    await door.grant(buyer, 100)
    reward, dear = await door.reward(seller, 60), await door.reward(seller, 600)
    body = refusal_of(await door.buy(dear, buyer, me), "INSUFFICIENT_FUNDS")
    assert json.loads(body["details"])["available"] == 100
    assert body["hint"] == BY_CODE["INSUFFICIENT_FUNDS"].hint
    refusal_of(await door.buy(reward, buyer, me, p_expected_price=59), "PRICE_CHANGED")
    refusal_of(await door.buy(reward, seller_id, seller), "SELF_PURCHASE")
    refusal_of(await door.buy(str(uuid.uuid4()), buyer, me), "REWARD_NOT_FOUND")
    refusal_of(await door.buy(reward, buyer, seller), "NOT_AUTHORIZED")
    assert (await door.buy(reward, buyer, me)).status_code == 200
    refusal_of(await door.buy(reward, buyer, me), "ALREADY_COLLECTED")
    assert await door.balance(buyer) == 40


async def test_without_a_token_nothing_is_bought(door: Door) -> None:
    buyer, _ = door.user()
    answer = await door.buy(str(uuid.uuid4()), buyer, {})
    assert error_of(answer, 401, "UB002")["message"].startswith("NOT_AUTHORIZED: ")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_service_buys_for_anybody(door: Door) -> None:
    buyer, _ = door.user()
    _, seller = door.user()
    await door.grant(buyer, 100)
    reward = await door.reward(seller, 60)
    assert (await door.buy(reward, buyer, door.service)).status_code == 200


async def test_the_older_name_buys_the_same(door: Door) -> None:
    buyer, me = door.user()
    _, seller = door.user()
    await door.grant(buyer, 100)
    body = {"p_bounty_id": await door.reward(seller, 60), "p_collector_id": buyer}
    path = "/rest/v1/rpc/purchase_bounty"
    assert (await door.client.post(path, json=body, headers=me)).json()["balance"] == 40
    refusal_of(await door.client.post(path, json=body, headers=me), "ALREADY_COLLECTED")


async def test_the_same_key_is_carried_out_once_and_answered_alike(door: Door) -> None:
    buyer, me = door.user()
    _, seller = door.user()
    await door.grant(buyer, 100)
    reward, other = await door.reward(seller, 60), await door.reward(seller, 10)
    keyed = me | {"idempotency-key": "once"}
    answers = await asyncio.gather(*(door.buy(reward, buyer, keyed) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    outcomes = [answer.json() | {"replayed": None} for answer in answers]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    refusal_of(await door.buy(other, buyer, keyed), "IDEMPOTENCY_MISMATCH")
    assert await door.balance(buyer) == 40


async def test_a_remembered_refusal_says_that_it_is_a_replay(door: Door) -> None:
    buyer, me = door.user()
    _, seller = door.user()
    reward = await door.reward(seller, 60)
    keyed = me | {"idempotency-key": "poor"}
    refusal_of(await door.buy(reward, buyer, keyed), "INSUFFICIENT_FUNDS")
    await door.grant(buyer, 100)
    again = await door.buy(reward, buyer, keyed)
    refusal_of(again, "INSUFFICIENT_FUNDS")
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "price",
    [
        "true",
        '"60"',
        "1.5",
        "0",
        "-1",
        "1000000000000001",
        "1e400",
        "NaN",
        "[60]",
        '"\\u0000"',
    ],
)
async def test_a_price_that_is_none_is_refused(door: Door, price: str) -> None:
    buyer, me = door.user()
    body = (
        f'{{"p_reward_id":"{uuid.uuid4()}","p_collector_id":"{buyer}","p_expected_price":{price}}}'
    )
    answer = await door.client.post("/rest/v1/rpc/purchase_reward", content=body, headers=me)
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 404, "PGRST202"),
        (b"{}", 404, "PGRST202"),
        (b"{", 400, "PGRST102"),
        (b"[]", 400, "PGRST102"),
        (b"\xff", 400, "PGRST102"),
        (b"[" * 90_000, 400, "PGRST102"),
        (b'{"p_reward_id":"x","p_collector_id":"y"}', 400, "22P02"),
        (b'{"p_reward_id":1,"p_collector_id":"y"}', 400, "22P02"),
        (b'{"p_reward_id":"x","p_collector_id":"y","z":1}', 400, "22P02"),
        (b'{"z":1}', 404, "PGRST202"),
    ],
)
async def test_arguments_that_do_not_fit_are_answered_as_postgrest_does(
    door: Door, body: bytes, status: int, code: str
) -> None:
    _, me = door.user()
    answer = await door.client.post("/rest/v1/rpc/purchase_reward", content=body, headers=me)
    error_of(answer, status, code)


async def test_a_name_that_appears_twice_is_refused(door: Door) -> None:
    buyer, me = door.user()
    body = (
        f'{{"p_reward_id":"{uuid.uuid4()}","p_collector_id":"{uuid.uuid4()}",'
        f'"p_collector_id":"{buyer}"}}'
    )
    answer = await door.client.post("/rest/v1/rpc/purchase_reward", content=body, headers=me)
    refusal_of(answer, "MALFORMED")


@pytest.mark.parametrize("key", ["", "x" * 256, "k\u00fc"])
async def test_a_key_that_is_none_is_refused(door: Door, key: str) -> None:
    buyer, me = door.user()
    headers = {**{k.encode(): v.encode() for k, v in me.items()}, b"idempotency-key": key.encode()}
    answer = await door.client.post(
        "/rest/v1/rpc/purchase_reward",
        headers=headers,
        json={"p_reward_id": str(uuid.uuid4()), "p_collector_id": buyer},
    )
    refusal_of(answer, "MALFORMED")
