"""Cards from end to end: a server process, the card company as another, and nothing in between."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from bursar.stand_ins.stripe.process import StandIn
from tests.deployment import Deployment
from tests.market import lead, new_id
from tests.patience import PATIENCE_SECONDS, wait_until


class Shop:
    """What a page of the marketplace and its buyers do."""

    def __init__(self, running: Deployment, company: StandIn, admin: psycopg.Connection) -> None:
        self.running = running
        self.company = company
        self.admin = admin

    def buy(self, workspace: str, lead_id: str, method: str = "stripe") -> dict[str, Any]:
        answer = httpx.post(
            f"{self.running.url}/api/marketplace/purchase",
            json={"leadIds": [lead_id], "paymentMethod": method},
            headers=self.running.headers("authenticated", workspace),
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 200, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def pay(self, receipt: dict[str, Any], outcome: str = "paid") -> None:
        path = f"/_sessions/{receipt['sessionId']}/pay"
        self.company.ask("POST", path, {"outcome": outcome})

    def purchase(self, receipt: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.get(
            f"{self.running.url}/api/marketplace/purchases/{receipt['purchaseId']}",
            headers=self.running.headers("service_role"),
            timeout=PATIENCE_SECONDS,
        )
        found: dict[str, Any] = answer.json()
        return found

    def wait_for(self, receipt: dict[str, Any], status: str) -> dict[str, Any]:
        """Return the purchase once it has this status."""
        wait_until(lambda: self.purchase(receipt)["status"] == status)
        return self.purchase(receipt)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), values).fetchall()


@pytest.fixture
def shop(card_deployment: Deployment, company: StandIn) -> Iterator[Shop]:
    with psycopg.connect(card_deployment.database.url, autocommit=True) as admin:
        yield Shop(card_deployment, company, admin)
    company.ask("DELETE", "/_faults")


def test_whoever_pays_has_the_lead_however_events_arrive(shop: Shop) -> None:
    order = {"duplicate": 2, "reorder": 12, "reorder_ms": 300, "seed": 7}
    shop.company.ask("POST", "/_faults", order)
    receipts = [shop.buy(new_id(), lead(shop.admin, 60)) for _ in range(6)]
    for receipt, outcome in zip(receipts, ("paid", "async_succeed") * 3, strict=True):
        shop.pay(receipt, outcome)
    for receipt in receipts:
        bought = shop.wait_for(receipt, "completed")
        assert bought["payment"]["status"] == "paid"
        assert [item["status"] for item in bought["items"]] == ["sold"]
    wait_until(
        lambda: (
            shop.rows("SELECT min(deliveries) FROM bursar.inbox WHERE subject IS NOT NULL")
            == [(3,)]
        )
    )
    assert shop.rows("SELECT count(*) FROM leads WHERE sold_count <> 1") == [(0,)]


def test_events_of_a_time_when_the_service_was_away_arrive_later(shop: Shop) -> None:
    receipt = shop.buy(new_id(), lead(shop.admin, 60))
    shop.running.stop()
    shop.pay(receipt)
    shop.running.start()
    assert shop.wait_for(receipt, "completed")["payment"]["status"] == "paid"


def test_a_session_that_nobody_paid_gives_the_leads_back(shop: Shop) -> None:
    one = lead(shop.admin, 60)
    receipt = shop.buy(new_id(), one)
    shop.company.ask("POST", "/_clock", {"advance_seconds": 3600})
    shop.wait_for(receipt, "expired")
    assert shop.rows("SELECT marketplace_status FROM leads WHERE id = %s", one) == [("available",)]
    shop.company.ask("DELETE", "/_clock")


def test_money_for_a_lead_that_is_gone_goes_back_by_itself(shop: Shop) -> None:
    one, other = lead(shop.admin, 60), new_id()
    late = shop.buy(new_id(), one)
    # Time passes: the worker lets the reservation lapse.
    shop.admin.execute(
        "UPDATE marketplace_purchases SET reserved_until = now() WHERE id = %s",
        [late["purchaseId"]],
    )
    shop.wait_for(late, "expired")
    httpx.post(
        f"{shop.running.url}/v1/grants",
        json={"owner_id": other, "asset": "workspace_credit", "amount": 60},
        headers=shop.running.headers("service_role"),
        timeout=PATIENCE_SECONDS,
    )
    assert shop.buy(other, one, "credits")["status"] == "completed"

    shop.pay(late)

    refunded = shop.wait_for(late, "refunded")
    assert refunded["payment"]["refunded"] == 60
    assert [item["status"] for item in refunded["items"]] == ["gone"]
    query = "SELECT status, attempts FROM card_refunds WHERE payment_id = %s"
    assert shop.rows(query, late["purchaseId"]) == [("issued", 1)]
    assert shop.rows("SELECT sold_count FROM leads WHERE id = %s", one) == [(1,)]
    # It is written after the event that tells of the refund may have come.
    wait_until(lambda: '"event":"refund_issued"' in shop.running.log())
