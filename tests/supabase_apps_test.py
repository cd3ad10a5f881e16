"""A marketplace's backend and an app on a phone, in the words of the stock supabase-js client."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.app_store import SHIELD, Sold
from tests.deployment import Deployment
from tests.market import lead, new_id
from tests.node import Node

pytestmark = pytest.mark.postgres_versions("15", "18")


async def test_a_backend_buys_carts_under_its_keys(
    deployment: Deployment, node_modules: Node, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, prices = new_id(), (60, 70, 80)
    first, second, third = (lead(admin, price) for price in prices)
    grant = {"owner_id": buyer, "asset": "workspace_credit", "amount": 100, "key": buyer}
    admin.execute("SELECT bursar.grant(%s)", [Jsonb([grant])])

    said = await node_modules.run(
        "cart.mjs",
        {
            "url": deployment.url,
            "service_key": deployment.token("service_role"),
            "buyer": buyer,
            "first": first,
            "second": second,
            "third": third,
            "nothing": new_id(),
        },
    )

    answers = [one["data"] for one in said["at once"]]
    assert all(one["error"] is None for one in said["at once"])
    assert [answer["replayed"] for answer in answers].count(False) == 1
    assert {answer["purchase_id"] for answer in answers} == {answers[0]["purchase_id"]}
    assert {(answer["status"], answer["balance"]) for answer in answers} == {("done", 40)}
    mismatch = said["another cart"]
    assert (mismatch["status"], mismatch["data"]) == (422, None)
    assert mismatch["error"]["message"].startswith("IDEMPOTENCY_MISMATCH: ")
    conflict = said["conflict"]
    assert (conflict["status"], conflict["error"]) == (200, None)
    assert (conflict["data"]["status"], conflict["data"]["code"]) == (
        "refused",
        "PURCHASE_CONFLICT",
    )
    reasons = {one["reason"] for one in conflict["data"]["details"]["conflicts"]}
    assert reasons == {"already_purchased", "not_found"}
    assert (said["reserve"]["data"]["total_price"], said["reserve"]["data"]["status"]) == (
        150,
        "done",
    )
    assert said["too early"]["data"]["code"] == "NOT_PAID"
    for step, replayed in (("paid", False), ("paid again", True)):
        told = said[step]["data"]
        assert (told["purchase_status"], told["replayed"]) == ("completed", replayed)
    assert said["receipt"]["data"] == {
        "status": "completed",
        "total_price": 150,
        "payment_method": "stripe",
    }
    assert said["items"]["data"] == [
        {"lead_id": second, "price": 70, "status": "sold"},
        {"lead_id": third, "price": 80, "status": "sold"},
    ]
    assert said["wallet"]["data"] == {"balance": 40, "total_used": 60}


async def test_an_app_claims_what_was_bought(
    deployment: Deployment, node_modules: Node, admin: psycopg.Connection, postgres_version: str
) -> None:
    sale = Sold()
    second = Sold(sale.user_id)
    for sold in (sale, second):
        admin.execute("SELECT bursar.take_store_event(%s)", [Jsonb([{"event": sold.bought()}])])

    said: dict[str, Any] = await node_modules.run(
        "claim.mjs",
        {
            "url": deployment.url,
            "anon_key": deployment.token("anon"),
            "token": deployment.token("authenticated", sale.user_id),
            "stranger_token": deployment.token("authenticated", new_id()),
            "sku": SHIELD,
            "tx_id": sale.tx_id,
            "second_tx_id": second.tx_id,
        },
    )

    claimed, again = said["claim"]["data"], said["again"]["data"]
    assert (claimed["success"], claimed["replayed"]) == (True, False)
    assert claimed["wallet"]["streakshield_count"] == 1
    assert again == claimed | {"replayed": True}
    refused = {
        name: (said[name]["status"], said[name]["data"]["error"], said[name]["error"])
        for name in ("stranger", "visitor", "over the cap", "unknown", "nonsense")
    }
    assert refused == {
        "stranger": (409, "transaction_owned_by_other", "FunctionsHttpError"),
        "visitor": (401, "unauthorized", "FunctionsHttpError"),
        "over the cap": (409, "cap_exceeded", "FunctionsHttpError"),
        "unknown": (404, "unknown_transaction", "FunctionsHttpError"),
        "nonsense": (400, "invalid_request", "FunctionsHttpError"),
    }
    assert said["over the cap"]["data"]["details"]["cap"] == "week"
    assert (said["use"]["data"]["left"], said["use again"]["data"]["left"]) == (0, 0)
    assert said["use again"]["data"]["replayed"] is True
    assert said["health"]["data"]["status"] == "ok"
    assert said["wallet"]["data"] == {"streakshield_count": 0}
    assert said["claims"]["data"] == [{"tx_id": sale.tx_id, "status": "granted"}]
    assert said["over"]["data"] == [{"tx_id": second.tx_id, "cap": "week"}]
    assert said["others"]["data"] == []
    assert said["message"]["data"] == {"value": {"text": ""}}
