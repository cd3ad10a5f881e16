"""Credits bought by card, and amounts that no card is charged."""

import uuid

import httpx
import pytest

from bursar.http.conftest import Door, pay
from bursar.stand_ins.stripe.process import StandIn
from tests.market import lead

TOP_UP = "/api/marketplace/top-up"


async def top_up(market: Door, me: dict[str, str], amount: int, key: str) -> httpx.Response:
    headers = me | {"idempotency-key": key}
    return await market.client.post(TOP_UP, json={"credits": amount}, headers=headers)


async def test_a_top_up_brings_credits_once_it_is_paid(market: Door, stand_in: StandIn) -> None:
    (workspace, me), (_, stranger) = market.user(), market.user()

    answer = await top_up(market, me, 500, "k")

    receipt = answer.json()
    assert answer.status_code == 200, answer.text
    assert set(receipt) == {
        *("paymentId", "checkoutUrl", "sessionId", "credits", "amount", "currency", "status"),
    }
    assert (receipt["credits"], receipt["amount"], receipt["currency"]) == (500, 500, "usd")
    assert (await top_up(market, me, 500, "k")).json() == receipt
    mismatch = await top_up(market, me, 501, "k")
    assert (mismatch.status_code, mismatch.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")

    await pay(market, stand_in, receipt["sessionId"])

    path = f"/api/marketplace/top-ups/{receipt['paymentId']}"
    found = (await market.client.get(path, headers=me)).json()
    assert (found["status"], found["credits"], found["workspaceId"]) == ("paid", 500, workspace)
    wallet = await market.client.get(
        f"/v1/wallets/{workspace}?asset=workspace_credit", headers=market.service
    )
    assert wallet.json()["balance"] == 500
    assert (await top_up(market, me, 500, "k")).json()["status"] == "paid"
    for reader, where in ((stranger, path), (me, path[:-36] + str(uuid.uuid4()))):
        answer = await market.client.get(where, headers=reader)
        assert (answer.status_code, answer.json()["code"]) == (404, "PURCHASE_NOT_FOUND")


@pytest.mark.parametrize("amount", [1, 49, 10**12])
async def test_less_or_more_than_a_card_is_charged_is_422(market: Door, amount: int) -> None:
    _, me = market.user()
    answer = await top_up(market, me, amount, "k")
    assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED")
    cart = {"leadIds": [lead(market.database.connect(), amount)], "paymentMethod": "stripe"}
    answer = await market.client.post("/api/marketplace/purchase", json=cart, headers=me)
    assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED")
    found = market.database.connect().execute("SELECT marketplace_status FROM leads").fetchall()
    assert found == [("available",)]
