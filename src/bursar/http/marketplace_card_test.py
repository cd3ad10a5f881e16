"""Purchases by card, with the local card company behind the door."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.conftest import Door, card_settings, opened, pay
from bursar.marketplace.card_company import CardSession
from bursar.stand_ins.stripe.process import StandIn
from tests import stand_in as staged
from tests.market import lead, leads
from tests.patience import AGE_SECONDS

PURCHASE, TOP_UP = "/api/marketplace/purchase", "/api/marketplace/top-up"
# Both tries of a call are refused, fail or hang.
TRIES = 2


async def buy(
    market: Door, me: dict[str, str], lead_ids: list[str], key: str = ""
) -> httpx.Response:
    headers = me | ({"idempotency-key": key} if key else {})
    body = {"leadIds": lead_ids, "paymentMethod": "stripe"}
    return await market.client.post(PURCHASE, json=body, headers=headers)


def states(database: ScratchDatabase) -> list[str]:
    """The states of all leads, and then of all purchases."""
    connection = database.connect()
    of_leads = connection.execute("SELECT marketplace_status FROM leads ORDER BY 1").fetchall()
    bought = connection.execute("SELECT status FROM marketplace_purchases ORDER BY 1").fetchall()
    return [row[0] for row in of_leads + bought]


async def test_a_card_purchase_reserves_and_says_where_to_pay(
    market: Door, stand_in: StandIn
) -> None:
    workspace, me = market.user()
    cart = leads(market.database.connect(), [30, 25])

    answer = await buy(market, me, cart, "k")

    receipt = answer.json()
    assert answer.status_code == 200, answer.text
    assert (receipt["status"], receipt["paymentMethod"]) == ("pending", "stripe")
    assert (receipt["totalPrice"], receipt["conflicts"]) == (55, [])
    assert {item["leadId"]: item["price"] for item in receipt["items"]} == dict(
        zip(cart, (30, 25), strict=True)
    )
    assert states(market.database) == ["reserved", "reserved", "pending"]
    assert receipt["checkoutUrl"] == f"{stand_in.address}/pay/{receipt['sessionId']}"
    with staged.stock_client(stand_in.address) as stock:
        session = stock.v1.checkout.sessions.retrieve(receipt["sessionId"])
    assert (session.amount_total, session.currency, session.status) == (55, "usd", "open")
    assert session.success_url == (
        f"http://bursar/demo/marketplace?purchase={receipt['purchaseId']}"
        "&session_id={CHECKOUT_SESSION_ID}"
    )
    ends = datetime.fromtimestamp(session.expires_at).astimezone()
    assert datetime.fromisoformat(receipt["reservedUntil"]) == ends + timedelta(seconds=600)
    assert workspace == (await read(market, me, receipt["purchaseId"]))["buyerWorkspaceId"]


async def read(market: Door, me: dict[str, str], purchase_id: str) -> dict[str, Any]:
    answer = await market.client.get(f"/api/marketplace/purchases/{purchase_id}", headers=me)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_same_key_answers_the_same_session_and_how_the_purchase_stands(
    market: Door, stand_in: StandIn
) -> None:
    _, me = market.user()
    one = lead(market.database.connect(), 60)
    first = (await buy(market, me, [one], "k")).json()

    again = await buy(market, me, [one], "k")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first

    await pay(market, stand_in, first["sessionId"])
    paid = await buy(market, me, [one], "k")
    assert (paid.status_code, paid.json()["status"]) == (200, "completed")
    assert "checkoutUrl" not in paid.json()
    receipt = await read(market, me, first["purchaseId"])
    assert receipt["payment"]["status"] == "paid"
    assert receipt["items"][0]["status"] == "sold"
    assert states(market.database) == ["sold", "completed"]


async def test_between_paying_and_its_event_the_purchase_waits_without_an_address(
    market: Door, stand_in: StandIn
) -> None:
    _, me = market.user()
    one = lead(market.database.connect(), 60)
    first = (await buy(market, me, [one], "k")).json()
    stand_in.ask("POST", f"/_sessions/{first['sessionId']}/pay", {"outcome": "paid"})

    again = (await buy(market, me, [one], "k")).json()

    assert (again["status"], again["sessionId"]) == ("pending", first["sessionId"])
    assert "checkoutUrl" not in again


async def test_a_session_that_is_refused_gives_the_leads_back(
    market: Door, stand_in: StandIn
) -> None:
    _, me = market.user()
    one = lead(market.database.connect(), 60)
    stand_in.ask("POST", "/_faults", {"fail_calls": 1, "fail_status": 400})

    answer = await buy(market, me, [one], "k")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "CARD_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1
    assert problem["details"]["retriable"] is False
    assert "key" not in problem["details"]
    assert states(market.database) == ["available", "failed"]
    again = (await buy(market, me, [one], "k")).json()
    assert again["status"] == "failed"
    assert "checkoutUrl" not in again
    assert (await buy(market, me, [one], "another")).json()["status"] == "pending"


@pytest.mark.parametrize(
    "fault",
    [
        {"fail_calls": TRIES, "fail_status": 500},
        {"fail_calls": TRIES, "fail_status": 503, "after_effect": True},
        {"fail_calls": 1, "fail_status": 429},
    ],
)
async def test_a_session_that_may_exist_is_asked_for_again_with_the_same_key(
    market: Door, stand_in: StandIn, fault: dict[str, Any]
) -> None:
    _, me = market.user()
    one = lead(market.database.connect(), 60)
    stand_in.ask("POST", "/_faults", fault)

    answer = await buy(market, me, [one], "k")

    assert (answer.status_code, answer.json()["code"]) == (503, "CARD_UNAVAILABLE")
    assert answer.json()["details"]["retriable"] is True
    assert answer.json()["details"]["key"] == "k"
    assert states(market.database) == ["reserved", "pending"]
    again = await buy(market, me, [one], "k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["checkoutUrl"].startswith(stand_in.address)
    assert states(market.database) == ["reserved", "pending"]


async def test_after_a_timeout_the_same_key_finds_the_session_that_was_made(
    market: Door, database: ScratchDatabase, stand_in: StandIn
) -> None:
    _, me = market.user()
    one = lead(database.connect(), 60)
    order = {"hang_calls": TRIES, "hang_seconds": AGE_SECONDS, "after_effect": True}
    stand_in.ask("POST", "/_faults", order)
    settings = card_settings(database.service_url, stand_in.address, stripe_timeout_ms=300)
    async with opened(Door, database, settings) as impatient:
        answer = await buy(impatient, me, [one])

    assert (answer.status_code, answer.json()["code"]) == (503, "CARD_UNAVAILABLE")
    assert states(database) == ["reserved", "pending"]
    stand_in.ask("DELETE", "/_faults")
    again = await buy(market, me, [one], answer.json()["details"]["key"])
    assert again.status_code == 200, again.text
    await pay(market, stand_in, again.json()["sessionId"])
    assert states(database) == ["sold", "completed"]


@pytest.mark.parametrize(
    ("obstacle", "code"),
    [
        ("UPDATE bursar.gate SET degraded = true", "DEGRADED"),
        ("SELECT FROM marketplace_purchases FOR UPDATE", "BUSY"),
    ],
)
async def test_a_session_that_cannot_be_noted_now_is_found_by_the_same_key(
    market: Door, stand_in: StandIn, obstacle: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, me = market.user()
    one = lead(market.database.connect(), 60)
    other = market.database.connect(autocommit=code == "DEGRADED")
    company = market.app._company
    assert company is not None
    open_session = company.open_session

    async def open_and_obstruct(*arguments: Any, **named: Any) -> CardSession:
        made = await open_session(*arguments, **named)
        assert states(market.database) == ["reserved", "pending"]
        other.execute(obstacle.encode())
        return made

    with monkeypatch.context() as patched:
        patched.setattr(company, "open_session", open_and_obstruct)
        answer = await buy(market, me, [one], "k")

    assert (answer.status_code, answer.json()["code"]) == (503, code)
    other.execute(b"UPDATE bursar.gate SET degraded = false")
    other.close()
    again = await buy(market, me, [one], "k")
    assert again.json()["checkoutUrl"].startswith(stand_in.address)


async def test_a_card_company_that_cannot_be_reached_is_503(database: ScratchDatabase) -> None:
    settings = card_settings(database.service_url, "http://127.0.0.1:1")
    async with opened(Door, database, settings) as market:
        _, me = market.user()
        answer = await buy(market, me, [lead(database.connect(), 60)])
        assert (answer.status_code, answer.json()["code"]) == (503, "CARD_UNAVAILABLE")
        assert answer.json()["details"]["retriable"] is True
        assert "127.0.0.1" not in answer.text


async def test_without_a_key_there_are_no_cards_and_credits_go_on(door: Door) -> None:
    workspace, me = door.user()
    one = lead(door.database.connect(), 60)
    top_up = await door.client.post(TOP_UP, json={"credits": 50}, headers=me)
    for answer in (await buy(door, me, [one]), top_up):
        assert (answer.status_code, answer.json()["code"]) == (503, "CARD_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) >= 1
    assert states(door.database) == ["available"]
    grant = {"owner_id": workspace, "asset": "workspace_credit", "amount": 60}
    await door.client.post("/v1/grants", json=grant, headers=door.service)
    body = {"leadIds": [one], "paymentMethod": "credits"}
    answer = await door.client.post(PURCHASE, json=body, headers=me)
    assert answer.status_code == 200, answer.text


async def test_where_the_buyer_returns_to_is_a_setting(
    database: ScratchDatabase, stand_in: StandIn
) -> None:
    settings = card_settings(
        database.service_url,
        stand_in.address,
        checkout_success_url="https://shop.example/paid",
        checkout_cancel_url="https://shop.example/cart",
        checkout_minutes=120,
    )
    async with opened(Door, database, settings) as market:
        _, me = market.user()
        receipt = (await buy(market, me, [lead(database.connect(), 60)])).json()
    with staged.stock_client(stand_in.address) as stock:
        session = stock.v1.checkout.sessions.retrieve(receipt["sessionId"])
    assert session.success_url == "https://shop.example/paid"
    assert session.cancel_url == "https://shop.example/cart"
    assert 7000 < session.expires_at - session.created <= 7200
