"""A key has one effect and one answer, by /v1, by the RPC door and by the Python engine."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.deployment import Deployment
from tests.node import Node
from tests.promises import broken_promises
from tests.store import balance, collected, digest, grant_all, new_id, person, reward
from tests.ways import Answer, Call, SupabaseWay, answer_of, together, user

pytestmark = pytest.mark.postgres_versions("15", "18")


class Door:
    """Somewhere to buy a reward with a key."""

    async def buy(
        self, collector_id: str, reward_id: str, key: str, price: int | None = None
    ) -> Answer:
        """Buy as the collector, saying which price is expected if `price` is given."""
        raise NotImplementedError


class HttpDoor(Door):
    """Signed-in users at /v1 or at the RPC door, on several servers in turn."""

    def __init__(self, client: httpx.AsyncClient, is_v1: bool, *deployments: Deployment) -> None:
        self._client = client
        self._is_v1 = is_v1
        self._deployments = deployments
        self._calls = 0

    async def buy(
        self, collector_id: str, reward_id: str, key: str, price: int | None = None
    ) -> Answer:
        path = "/v1/purchases" if self._is_v1 else "/rest/v1/rpc/purchase_reward"
        prefix = "" if self._is_v1 else "p_"
        body: dict[str, Any] = {
            f"{prefix}reward_id": reward_id,
            f"{prefix}collector_id": collector_id,
        }
        if price is not None:
            body[f"{prefix}expected_price"] = price
        self._calls += 1
        deployment = self._deployments[self._calls % len(self._deployments)]
        headers = deployment.headers("authenticated", collector_id) | {"idempotency-key": key}
        answer = await self._client.post(deployment.url + path, json=body, headers=headers)
        said = answer_of(answer)
        if self._is_v1 and not answer.is_success:
            return Answer(
                said.body["code"], said.body["detail"], said.body, said.status, said.replayed
            )
        return said


class EngineDoor(Door):
    """The Python engine, as a backend uses it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def buy(
        self, collector_id: str, reward_id: str, key: str, price: int | None = None
    ) -> Answer:
        request: dict[str, Any] = {
            "reward_id": reward_id,
            "collector_id": collector_id,
            "key": key,
            "caller": {"role": "service_role"},
        }
        if price is not None:
            request["expected_price"] = price
        outcome = await self._engine.call("purchase_reward", request)
        code = str(outcome.get("code", "done"))
        return Answer(code, "", outcome, 0, outcome["replayed"])


@pytest.fixture(params=["v1", "rpc", "engine"])
async def door(
    request: pytest.FixtureRequest,
    deployment: Deployment,
    second_deployment: Deployment,
    postgres_version: str,
) -> AsyncIterator[Door]:
    if request.param == "engine":
        settings = Settings(busy_timeout_ms=25_000)  # as the servers have it
        async with await Engine.open(deployment.database.service_url, settings) as engine:
            yield EngineDoor(engine)
        return
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=50)) as client:
        yield HttpDoor(client, request.param == "v1", deployment, second_deployment)


def effect(answer: Answer) -> Any:
    """The answer without what says whether it was given before, and to which request."""
    return {
        name: value for name, value in answer.body.items() if name not in ("replayed", "request_id")
    }


async def test_a_key_sent_50_times_at_once_has_one_effect_and_50_equal_answers(
    door: Door, admin: psycopg.Connection
) -> None:
    buyer, creator, key = person(admin, 1000), new_id(), new_id()
    wanted = reward(admin, 60, creator_id=creator)

    answers = await asyncio.gather(*(door.buy(buyer, wanted, key) for _ in range(50)))

    assert {answer.code for answer in answers} == {"done"}
    assert all(effect(answer) == effect(answers[0]) for answer in answers)
    assert [answer.replayed for answer in answers].count(False) == 1
    assert {answer.body["replayed"] == answer.replayed for answer in answers} == {True}
    if isinstance(door, HttpDoor) and answers[0].status == 201:
        assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert (balance(admin, buyer), balance(admin, creator)) == (940, 60)
    assert broken_promises(admin) == []


async def test_50_keys_at_once_for_one_reward_are_one_effect(
    door: Door, admin: psycopg.Connection
) -> None:
    buyer, wanted = person(admin, 6000), reward(admin, 60)

    answers = await asyncio.gather(*(door.buy(buyer, wanted, new_id()) for _ in range(50)))

    assert sorted(answer.code for answer in answers) == ["ALREADY_COLLECTED"] * 49 + ["done"]
    assert balance(admin, buyer) == 5940


async def test_a_key_with_another_body_is_refused_and_moves_nothing(
    door: Door, admin: psycopg.Connection
) -> None:
    buyer, key = person(admin, 1000), new_id()
    wanted, other = reward(admin, 60), reward(admin, 60)
    first = await door.buy(buyer, wanted, key)
    before = digest(admin)

    answers = [await door.buy(buyer, other, key), await door.buy(buyer, wanted, key, price=60)]

    assert first.code == "done"
    for answer in answers:
        assert answer.code == "IDEMPOTENCY_MISMATCH"
        assert answer.status in (0, 422)
    assert digest(admin) == before


async def test_a_key_of_two_bodies_at_once_has_one_effect(
    door: Door, admin: psycopg.Connection
) -> None:
    buyer, key = person(admin, 1000), new_id()
    rewards = [reward(admin, 60), reward(admin, 60)]

    answers = await asyncio.gather(*(door.buy(buyer, one, key) for one in rewards * 10))

    codes = sorted(answer.code for answer in answers)
    assert codes == ["IDEMPOTENCY_MISMATCH"] * 10 + ["done"] * 10
    assert len(collected(admin, buyer)) == 1
    assert balance(admin, buyer) == 940


async def test_a_refused_purchase_stays_refused_after_a_top_up_and_a_new_key_buys(
    door: Door, admin: psycopg.Connection
) -> None:
    buyer, wanted, key = person(admin, 10), reward(admin, 60), new_id()
    first = await door.buy(buyer, wanted, key)
    grant_all(admin, [buyer], 1000)
    before = digest(admin)

    again = await asyncio.gather(*(door.buy(buyer, wanted, key) for _ in range(5)))
    unchanged = digest(admin)
    bought = await door.buy(buyer, wanted, new_id())

    assert first.code == "INSUFFICIENT_FUNDS"
    assert not first.replayed
    assert {answer.code for answer in again} == {"INSUFFICIENT_FUNDS"}
    assert {answer.replayed for answer in again} == {True}
    assert {answer.status for answer in again} == {first.status}
    assert unchanged == before
    assert bought.code == "done"
    assert balance(admin, buyer) == 950


@pytest.mark.parametrize("code", ["INSUFFICIENT_FUNDS", "REWARD_NOT_FOUND", "SELF_PURCHASE"])
async def test_a_refused_key_sent_50_times_at_once_has_50_equal_answers(
    code: str, door: Door, admin: psycopg.Connection
) -> None:
    """Also where the refusal is known before any wallet is locked, and by two servers."""
    buyer, key = person(admin, 10), new_id()
    wanted = {
        "INSUFFICIENT_FUNDS": reward(admin, 60),
        "REWARD_NOT_FOUND": new_id(),
        "SELF_PURCHASE": reward(admin, 60, creator_id=buyer),
    }[code]
    before = digest(admin)

    answers = await asyncio.gather(*(door.buy(buyer, wanted, key) for _ in range(50)))

    assert {answer.code for answer in answers} == {code}
    assert all(effect(answer) == effect(answers[0]) for answer in answers)
    assert [answer.replayed for answer in answers].count(False) == 1
    assert digest(admin) == before


async def test_the_doors_of_one_user_share_a_key_however_the_request_is_written(
    deployment: Deployment, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, wanted, key = person(admin, 1000), reward(admin, 60), new_id()
    headers = deployment.headers("authenticated", buyer) | {
        "idempotency-key": key,
        "content-type": "application/json",
    }
    v1, rpc = "/v1/purchases", "/rest/v1/rpc/purchase_reward"
    written = [
        (v1, f'{{"reward_id": "{wanted}", "collector_id": "{buyer}"}}'),
        (v1, f'{{ "collector_id":"{buyer.upper()}",\n"reward_id":"{wanted.upper()}" }}'),
        (v1, f'{{"reward_id": "{wanted}"}}'),
        (v1, f'{{"reward_id": "{wanted}", "expected_price": null}}'),
        (rpc, f'{{"p_reward_id": "{wanted}", "p_collector_id": "{buyer}"}}'),
    ]

    async with httpx.AsyncClient(timeout=30) as client:
        answers = [
            await client.post(deployment.url + path, content=body, headers=headers)
            for path, body in written
        ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
    assert len({answer.json()["transaction_id"] for answer in answers}) == 1
    assert [answer.json()["replayed"] for answer in answers] == [False] + [True] * 4
    assert balance(admin, buyer) == 940


async def test_the_same_key_of_another_user_is_another_key(
    door: Door, admin: psycopg.Connection
) -> None:
    a, b, key, wanted = person(admin, 100), person(admin, 100), new_id(), reward(admin, 60)

    answers = [await door.buy(a, wanted, key), await door.buy(b, wanted, key)]

    assert [(answer.code, answer.replayed) for answer in answers] == [("done", False)] * 2


async def test_a_user_cannot_squat_a_key_of_the_backend(
    deployment: Deployment, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, wanted, key = person(admin, 100), reward(admin, 60), new_id()
    async with httpx.AsyncClient(timeout=30) as client:
        squatter = HttpDoor(client, True, deployment)
        squatted = await squatter.buy(buyer, new_id(), key)
        headers = deployment.headers("service_role") | {"idempotency-key": key}
        answer = await client.post(
            f"{deployment.url}/v1/purchases",
            headers=headers,
            json={"reward_id": wanted, "collector_id": buyer},
        )

    assert squatted.code == "REWARD_NOT_FOUND"
    assert answer.status_code == 201, answer.text


async def test_supabase_js_may_send_a_key_too(
    deployment: Deployment, node_modules: Node, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, wanted, key = person(admin, 1000), reward(admin, 60), new_id()
    arguments = {"p_reward_id": wanted, "p_collector_id": buyer}
    one = Call(user(buyer), "purchase_reward", arguments, key)

    answers = await together(SupabaseWay(node_modules, deployment), [one] * 50)

    assert {answer.code for answer in answers} == {"done"}
    assert all(effect(answer) == effect(answers[0]) for answer in answers)
    assert [answer.body["replayed"] for answer in answers].count(False) == 1
    assert balance(admin, buyer) == 940
