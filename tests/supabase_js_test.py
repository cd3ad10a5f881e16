"""A store-front written for Supabase works as it is: the stock client, every step of a purchase."""

from typing import Any

import psycopg
import pytest

from bursar.errors import BY_CODE
from tests.deployment import Deployment
from tests.node import Node
from tests.store import balance, new_id, person

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture
async def said(
    deployment: Deployment, node_modules: Node, admin: psycopg.Connection, postgres_version: str
) -> dict[str, Any]:
    """What each step of the store-front was answered."""
    creator, buyer = new_id(), person(admin, 100)
    steps: dict[str, Any] = await node_modules.run(
        "shop.mjs",
        {
            "url": deployment.url,
            "anon_key": deployment.token("anon"),
            "creator": creator,
            "creator_token": deployment.token("authenticated", creator),
            "buyer": buyer,
            "buyer_token": deployment.token("authenticated", buyer),
        },
    )
    assert (balance(admin, buyer), balance(admin, creator)) == (70, 30)
    return steps


async def test_every_step_of_a_store_front_is_answered_as_it_expects(said: dict[str, Any]) -> None:
    made = said["create"]["data"]

    assert said["create"]["status"] == 201
    assert (made["name"], made["cost"], made["is_active"]) == ("Mug", 60, True)
    assert [row["cost"] for row in said["reprice"]["data"]] == [30]
    assert said["list"]["data"] == [{"id": made["id"], "name": "Mug", "cost": 30}]
    assert (said["count"]["data"], said["count"]["count"]) == (None, 1)
    assert said["balance"]["data"] == {"balance": 100}
    assert said["buy"]["status"] == 200
    assert said["buy"]["data"]["balance"] == 70
    assert said["collected"]["data"] == {"reward_id": made["id"], "price": 30}
    assert said["joined"]["data"] == [{"price": 30, "rewards": {"name": "Mug"}}]
    assert said["history"]["data"] == [
        {"amount": -30, "type": "purchase_reward", "balance_after": 70}
    ]
    assert (said["nobody"]["data"], said["nobody"]["error"]) == (None, None)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("stale price", "PRICE_CHANGED"),
        ("again", "ALREADY_COLLECTED"),
        ("thrown", "NOT_AUTHORIZED"),
    ],
)
async def test_an_error_says_code_sentence_and_hint(
    step: str, code: str, said: dict[str, Any]
) -> None:
    error = said[step]["error"]

    assert error["message"].startswith(f"{code}: ")
    assert (error["code"], error["hint"]) == (BY_CODE[code].sqlstate, BY_CODE[code].hint)


async def test_what_does_not_exist_is_said_as_postgrest_says_it(said: dict[str, Any]) -> None:
    assert said["no such function"]["error"]["code"] == "PGRST202"
    assert said["no such table"]["error"]["code"] == "PGRST205"
