"""Two checkouts of one buyer for the same lead: the superseded one can still be paid."""

from typing import LiteralString

import pytest

from bursar.marketplace.settle_card_payment_test import after, owed
from tests.ledger_in_sql import Ledger, code
from tests.market import (
    checkout,
    emptied,
    items_of,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    set_wallet,
    totals,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(autouse=True)
def _clock(ledger: Ledger) -> None:
    ledger.stop_clock()


def test_two_checkouts_of_one_buyer_sell_a_lead_for_several_once(ledger: Ledger) -> None:
    buyer, seller = new_id(), new_id()
    lead_id = lead(ledger.admin, 10, seller=seller, max_sales=3)
    older = checkout(ledger, buyer, [lead_id])
    newer = checkout(ledger, buyer, [lead_id])

    assert after(ledger, older.completed())["purchase_status"] == "completed"
    assert after(ledger, newer.completed())["purchase_status"] == "failed"

    assert owed(ledger, newer) == [(10, 10, "owed")]
    assert lead_state(ledger, lead_id) == ("available", 1)
    assert totals(ledger, seller)[0] == 10


def test_ones_own_later_reservation_does_not_stand_in_the_way_and_is_given_up(
    ledger: Ledger,
) -> None:
    buyer, [lead_id, other] = new_id(), leads(ledger.admin, [10, 20])
    older = checkout(ledger, buyer, [lead_id])
    newer = checkout(ledger, buyer, [lead_id, other])

    assert after(ledger, older.completed())["purchase_status"] == "completed"

    assert purchase_status(ledger, newer.payment_id) == "expired"
    assert items_of(ledger, newer.payment_id) == {lead_id: "released", other: "released"}
    assert lead_state(ledger, lead_id) == ("sold", 1)
    assert lead_state(ledger, other) == ("available", 0)
    # What it could still have is had, and the rest is owed back.
    assert after(ledger, newer.completed())["purchase_status"] == "completed"
    assert owed(ledger, newer) == [(10, 10, "owed")]


@pytest.mark.parametrize(
    "held",
    [
        "SELECT FROM public.workspace_credits WHERE workspace_id = %(buyer)s FOR UPDATE",
        "SELECT FROM public.marketplace_purchases WHERE id = %(newer)s FOR UPDATE",
        "SELECT FROM public.leads WHERE id = %(other)s FOR UPDATE",
    ],
)
def test_a_later_reservation_that_somebody_works_on_is_waited_for(
    ledger: Ledger, held: LiteralString
) -> None:
    buyer, [lead_id, other] = new_id(), leads(ledger.admin, [10, 20])
    older = checkout(ledger, buyer, [lead_id])
    newer = checkout(ledger, buyer, [lead_id, other])
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    paid = older.completed()

    with ledger.database.connect(autocommit=False) as somebody:
        names = {"buyer": buyer, "newer": newer.payment_id, "other": other}
        somebody.execute(held, names)
        assert code(ledger.one("take_stripe_event", impatient, event=paid)) == "BUSY"
        somebody.rollback()

    assert purchase_status(ledger, newer.payment_id) == "pending"
    assert after(ledger, paid)["purchase_status"] == "completed"


def test_a_buyer_whose_wallet_is_closed_has_what_they_paid_for(ledger: Ledger) -> None:
    buyer = emptied(ledger)
    payment = checkout(ledger, buyer, leads(ledger.admin, [10]))
    set_wallet(ledger, buyer, "closed")

    assert after(ledger, payment.completed())["purchase_status"] == "completed"


def test_a_later_checkout_keeps_what_the_earlier_one_did_not_get(ledger: Ledger) -> None:
    buyer, [lead_id] = new_id(), leads(ledger.admin, [10])
    older = checkout(ledger, buyer, [lead_id])
    newer = checkout(ledger, buyer, [lead_id])
    ledger.admin.execute(
        "UPDATE public.leads SET is_marketplace_listed = false WHERE id = %s", [lead_id]
    )

    assert after(ledger, older.completed())["purchase_status"] == "failed"
    assert purchase_status(ledger, newer.payment_id) == "pending"
    assert after(ledger, newer.completed())["purchase_status"] == "completed"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
