"""A purchase and a top-up as their receipts show them, to whom they belong."""

from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, Payment, buy, checkout, configure, leads, new_id, take
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

PURCHASE = "SELECT bursar.read_lead_purchase(%s, %s)"
TOP_UP = "SELECT bursar.read_top_up(%s, %s)"


def purchase(ledger: Ledger, purchase_id: str, workspace_id: str | None = None) -> Any:
    return ledger.value(PURCHASE, purchase_id, workspace_id)


def named(ledger: Ledger, *names: str) -> list[str]:
    """Leads of these names, at 10, 20, ... credits."""
    cart = leads(ledger.admin, [10 * n for n in range(1, len(names) + 1)])
    for lead_id, name in zip(cart, names, strict=True):
        ledger.admin.execute("UPDATE public.leads SET title = %s WHERE id = %s", [name, lead_id])
    return cart


def test_a_purchase_for_credits_shows_its_leads_by_name(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), named(ledger, "Ship", "Barn", "Mill")
    configure(ledger.admin, fee_basis_points=1000)
    bought = done(buy(ledger, buyer, cart))
    configure(ledger.admin, fee_basis_points=0)

    receipt = purchase(ledger, bought["purchase_id"])

    created, completed = receipt.pop("created_at"), receipt.pop("completed_at")
    assert created <= completed
    assert receipt == {
        "purchase_id": bought["purchase_id"],
        "buyer_workspace_id": buyer,
        "status": "completed",
        "payment_method": "credits",
        "total_price": 60,
        "fee": 6,
        "reserved_until": None,
        "transaction_id": bought["transaction_id"],
        "items": [
            {"lead_id": cart[1], "title": "Barn", "price": 20, "status": "sold"},
            {"lead_id": cart[2], "title": "Mill", "price": 30, "status": "sold"},
            {"lead_id": cart[0], "title": "Ship", "price": 10, "status": "sold"},
        ],
        "payment": None,
    }


def test_a_purchase_by_card_shows_its_payment(ledger: Ledger) -> None:
    buyer = new_id()
    payment = checkout(ledger, buyer, named(ledger, "Ship"))
    before = purchase(ledger, payment.payment_id)
    done(take(ledger, payment.completed()))
    done(take(ledger, payment.refunded(3)))
    done(take(ledger, payment.dispute("funds_withdrawn", 4)))
    after = purchase(ledger, payment.payment_id)

    assert (before["status"], before["completed_at"]) == ("pending", None)
    assert before["reserved_until"] is not None
    assert before["payment"] == {
        "payment_id": payment.payment_id,
        "status": "pending",
        "amount": 10,
        "currency": "usd",
        "refunded": 0,
        "disputed": 0,
        "owed": 0,
        "session_id": None,
        "expires_at": None,
    }
    assert (after["status"], after["reserved_until"]) == ("completed", None)
    assert after["payment"] == before["payment"] | {
        "status": "paid",
        "refunded": 3,
        "disputed": 4,
        "session_id": payment.session_id,
    }


def test_only_its_buyer_sees_a_purchase(ledger: Ledger) -> None:
    buyer = ledger.funded(10, ASSET)
    purchase_id = done(buy(ledger, buyer, named(ledger, "Ship")))["purchase_id"]

    assert purchase(ledger, purchase_id, buyer) == purchase(ledger, purchase_id)
    assert purchase(ledger, purchase_id.upper(), buyer.upper())["purchase_id"] == purchase_id
    for stranger in (new_id(), "x", ""):
        assert purchase(ledger, purchase_id, stranger) is None
    for nothing in (new_id(), "x", "", None):
        assert ledger.value(PURCHASE, nothing, None) is None


def test_a_top_up_is_shown_to_its_workspace(ledger: Ledger) -> None:
    workspace = new_id()
    opened = done(ledger.one("open_top_up", workspace_id=workspace, credits=25))
    payment = Payment(opened["payment_id"], 25)
    before = ledger.value(TOP_UP, payment.payment_id, workspace)
    done(take(ledger, payment.completed()))

    after = ledger.value(TOP_UP, payment.payment_id.upper(), workspace.upper())

    assert after.pop("paid_at") >= after["created_at"]
    assert after == {
        "payment_id": payment.payment_id,
        "workspace_id": workspace,
        "status": "paid",
        "credits": 25,
        "amount": 25,
        "currency": "usd",
        "refunded": 0,
        "disputed": 0,
        "session_id": payment.session_id,
        "created_at": before["created_at"],
    }
    assert (before["status"], before["paid_at"]) == ("pending", None)
    for nothing in (new_id(), "x", "", None):
        assert ledger.value(TOP_UP, nothing, None) is None
    assert ledger.value(TOP_UP, payment.payment_id, new_id()) is None
    by_card = checkout(ledger, workspace, named(ledger, "Ship"))
    assert ledger.value(TOP_UP, by_card.payment_id, workspace) is None


def test_reading_changes_nothing_and_goes_on_while_changes_are_paused(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), named(ledger, "Ship"))
    before = digest(ledger.admin)

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert purchase(ledger, payment.payment_id)["status"] == "pending"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")

    assert digest(ledger.admin) == before


def test_only_the_service_reads_for_others(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        for query in (PURCHASE, TOP_UP):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ledger.database.connect(role, new_id()).execute(query, [new_id(), None])
