import asyncio
import uuid
from typing import Any

from bursar.http.conftest import Door, service_post

VALUES: dict[str, str] = {
    "zero": "0",
    "negative": "-1",
    "fraction": "1.5",
    "whole float": "1.0",
    "boolean": "true",
    "string": '"60"',
    "null": "null",
    "NaN": "NaN",
    "infinite": "Infinity",
    "1e400": "1e400",
    "too large": "1000000000000001",
    "beyond 64 bits": "18446744073709551616",
    "many digits": "9" * 5000,
    "list": "[1]",
    "object": '{"a":1}',
    "NUL": '"\\u0000"',
    "lone surrogate": '"\\ud800"',
    "deep": "[" * 5000 + "]" * 5000,
    "long text": '"' + "x" * 1_000_000 + '"',
    "not JSON": "1_0",
    "hexadecimal": "0x10",
}
OWNER, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
_WALLET = f'"owner_id":"{OWNER}","asset":"credit","amount":%s'
BODIES: dict[str, str] = {
    "/v1/grants": "{" + _WALLET + "}",
    "/v1/spends": "{" + _WALLET + "}",
    "/v1/transfers": f'{{"to_owner_id":"{OTHER}",{_WALLET}}}',
    "/v1/holds": "{" + _WALLET + "}",
    "/v1/holds/1/capture": '{"amount":%s}',
    "/v1/holds/1/release": '{"amount":%s}',
    "/v1/refunds": '{"transaction_id":1,"amount":%s}',
    "/v1/adjustments": "{" + _WALLET + "}",
    "/v1/purchases": f'{{"reward_id":"{OTHER}","collector_id":"{OWNER}","expected_price":%s}}',
    "/v1/batch": '{"requests":[{"verb":"grant",' + _WALLET + "}]}",
}
AMOUNT_OPTIONAL = ("/v1/holds/1/capture", "/v1/holds/1/release", "/v1/refunds", "/v1/purchases")


async def test_no_value_that_is_no_amount_comes_through(door: Door) -> None:
    for path, template in BODIES.items():
        fair = await door.client.post(path, content=template % "1", headers=door.service)
        assert fair.status_code not in (400, 422), (path, fair.text)
        for name, value in VALUES.items():
            if name == "null" and path in AMOUNT_OPTIONAL:
                continue
            if (path, name) == ("/v1/adjustments", "negative"):
                continue
            answer = await door.client.post(path, content=template % value, headers=door.service)
            assert answer.status_code == 422, (path, name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "MALFORMED"


async def test_every_verb_answers_201_with_its_outcome(door: Door) -> None:
    owner, other = str(uuid.uuid4()), str(uuid.uuid4())
    wallet = {"owner_id": owner, "asset": "credit"}
    held: Any = None
    charged = (await service_post(door, "/v1/grants", {**wallet, "amount": 10})).json()
    charged = (await service_post(door, "/v1/spends", {**wallet, "amount": 10})).json()
    for path, body, balance in (
        ("/v1/grants", {**wallet, "amount": 100, "reason": "welcome", "metadata": {"a": 1}}, 100),
        ("/v1/spends", {**wallet, "amount": 10}, 90),
        ("/v1/refunds", {"transaction_id": charged["transaction_id"], "amount": 4}, 94),
        ("/v1/transfers", {**wallet, "to_owner_id": other, "amount": 4}, 90),
        ("/v1/holds", {**wallet, "amount": 50, "expires_in_seconds": 60}, 90),
        ("/v1/holds/{}/capture", {"amount": 20, "final": False}, 70),
        ("/v1/holds/{}/release", {}, 70),
        ("/v1/adjustments", {**wallet, "amount": -5, "reason": "counted twice"}, 65),
        ("/v1/freezes", {**wallet, "wallet_status": "frozen"}, 65),
    ):
        answer = await service_post(door, path.format(held), body)
        assert answer.status_code == 201, (path, answer.text)
        outcome = answer.json()
        assert (outcome["status"], outcome["balance"]) == ("done", balance), path
        held = outcome.get("hold_id", held)
    answer = await service_post(door, "/v1/spends", {**wallet, "amount": 1})
    assert (answer.status_code, answer.json()["code"]) == (403, "WALLET_FROZEN")


async def test_the_same_key_is_answered_200_and_said_to_be_a_replay(door: Door) -> None:
    body = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 100}
    first = await service_post(door, "/v1/grants", body, "k")
    again = await service_post(door, "/v1/grants", body, "k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"replayed": True}
    other = await service_post(door, "/v1/grants", {**body, "amount": 101}, "k")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_a_refusal_is_a_problem_that_says_what_to_do(door: Door) -> None:
    body = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 5}
    await service_post(door, "/v1/grants", body)
    answer = await service_post(door, "/v1/spends", {**body, "amount": 60})
    problem = answer.json()
    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "/docs/errors#INSUFFICIENT_FUNDS"
    assert problem["code"] == "INSUFFICIENT_FUNDS"
    assert problem["status"] == 402
    assert problem["details"]["available"] == 5
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]


ADDRESSES = (
    ("POST", "/v1/grants"),
    ("POST", "/v1/spends"),
    ("POST", "/v1/transfers"),
    ("POST", "/v1/holds"),
    ("POST", "/v1/holds/1/capture"),
    ("POST", "/v1/holds/1/release"),
    ("POST", "/v1/refunds"),
    ("POST", "/v1/adjustments"),
    ("POST", "/v1/freezes"),
    ("POST", "/v1/batch"),
    ("POST", "/v1/purchases"),
    ("GET", "/v1/wallets/o?asset=credit"),
    ("GET", "/v1/wallets/o/statement?asset=credit"),
    ("GET", "/v1/wallets/o/explain?asset=credit"),
    ("GET", "/v1/holds/1"),
    ("GET", "/v1/transactions/1"),
)


async def test_without_a_token_everything_is_401(door: Door) -> None:
    for method, path in ADDRESSES:
        for headers in ({}, door.bearer("anon", None), {"authorization": "Bearer x"}):
            answer = await door.client.request(method, path, headers=headers, content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), path
            assert "bearer" in answer.headers["www-authenticate"].lower()


async def test_changes_are_the_services_to_make(door: Door) -> None:
    user, me = door.user()
    await door.grant(user, 100)
    for method, path in ADDRESSES[:10]:
        body = BODIES.get(path, "{}") % "1" if path in BODIES else "{}"
        answer = await door.client.request(method, path, headers=me, content=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_AUTHORIZED"), path
    assert await door.balance(user) == 100


async def test_a_user_buys_for_themselves(door: Door) -> None:
    (buyer, me), (_, seller) = door.user(), door.user()
    await door.grant(buyer, 100)
    body = {"reward_id": await door.reward(seller, 60), "expected_price": 60}
    answer = await door.client.post("/v1/purchases", json=body, headers=me)
    assert (answer.status_code, answer.json()["balance"]) == (201, 40)
    body["collector_id"] = str(uuid.uuid4())
    answer = await door.client.post("/v1/purchases", json=body, headers=me)
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_AUTHORIZED")
    del body["collector_id"]
    answer = await door.client.post("/v1/purchases", json=body, headers=door.service)
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "collector_id")


async def test_a_batch_is_carried_out_in_order_with_an_outcome_for_each(door: Door) -> None:
    (user, _), (_, seller) = door.user(), door.user()
    reward = await door.reward(seller, 60)
    wallet = {"owner_id": user, "asset": "credit"}
    requests = [
        {"verb": "grant", **wallet, "amount": 100},
        {"verb": "spend", **wallet, "amount": 200},
        {"verb": "purchase_reward", "reward_id": reward, "collector_id": user},
        {"verb": "spend", **wallet, "amount": 40, "key": "own"},
    ]
    answer = await service_post(door, "/v1/batch", {"requests": requests}, "all")
    assert answer.status_code == 200, answer.text
    outcomes = answer.json()["outcomes"]
    assert [outcome.get("code", outcome["status"]) for outcome in outcomes] == [
        "done",
        "INSUFFICIENT_FUNDS",
        "done",
        "done",
    ]
    assert outcomes[3]["balance"] == 0
    again = (await service_post(door, "/v1/batch", {"requests": requests}, "all")).json()
    assert [outcome["replayed"] for outcome in again["outcomes"]] == [True] * 4
    assert await door.balance(user) == 0


BATCHES: tuple[Any, ...] = (
    {},
    {"requests": []},
    {"requests": [{}]},
    {"requests": [{"verb": "steal"}]},
    {"requests": [{"verb": "grant", "owner_id": "o", "asset": "credit", "amount": 1}] * 501},
    {"requests": [{"verb": "capture", "amount": 1}]},
    {"requests": 7},
    {"requests": [{"verb": "purchase_reward", "reward_id": str(uuid.uuid4())}]},
)


async def test_a_batch_that_cannot_be_read_is_refused_whole(door: Door) -> None:
    for body in BATCHES:
        answer = await service_post(door, "/v1/batch", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED"), body


async def test_two_windows_cannot_spend_the_same_credits(door: Door) -> None:
    (buyer, me), (_, seller) = door.user(), door.user()
    rewards = [await door.reward(seller, 60), await door.reward(seller, 60)]
    for _ in range(5):
        buyer, me = door.user()
        await door.grant(buyer, 100)
        answers = await asyncio.gather(*(door.buy(reward, buyer, me) for reward in rewards))
        assert sorted(answer.status_code for answer in answers) == [200, 402]
        assert await door.balance(buyer) == 40
