"""A checkout session: noted, given up, and what time does to what it reserved."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    ASSET,
    Payment,
    buy,
    checkout,
    configure,
    items_of,
    lead_state,
    leads,
    new_id,
    purchase_status,
    reserve,
    take,
    totals,
)
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

ATTACH = "SELECT bursar.attach_card_session(%s, %s, %s)"
CANCEL = "SELECT bursar.cancel_card_payment(%s, %s)"
SWEEP = "SELECT bursar.expire_lead_reservations(%s)"


@pytest.fixture(autouse=True)
def _clock(ledger: Ledger) -> None:
    """Nothing has lapsed but what the test itself makes."""
    ledger.stop_clock()
    ledger.value(SWEEP, 1000)


def now(ledger: Ledger) -> datetime:
    at: datetime = ledger.value("SELECT bursar.clock()")
    return at


def attach(ledger: Ledger, payment: Payment, ends: datetime, session: str = "") -> dict[str, Any]:
    """Note the payment's session."""
    answer: dict[str, Any] = ledger.value(
        ATTACH, payment.payment_id, session or payment.session_id, ends.isoformat()
    )
    return answer


def reserved_until(
    ledger: Ledger, payment: Payment
) -> list[tuple[datetime | None, datetime | None]]:
    """Until when the purchase and its items are reserved."""
    return ledger.rows(
        "SELECT b.reserved_until, i.reserved_until FROM public.marketplace_purchases AS b"
        " JOIN public.marketplace_purchase_items AS i ON i.purchase_id = b.id WHERE b.id = %s",
        payment.payment_id,
    )


def test_a_session_keeps_the_reservation_to_its_end_and_the_slack(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id], reserve_seconds=60)
    ends = now(ledger) + timedelta(minutes=30)
    configure(ledger.admin, reserve_slack_seconds=120)

    answer = attach(ledger, payment, ends)
    again = attach(ledger, payment, ends)
    configure(ledger.admin, reserve_slack_seconds=600)

    until = ends + timedelta(seconds=120)
    assert answer == again == {"attached": True, "reserved_until": until.isoformat()}
    assert reserved_until(ledger, payment) == [(until, until)]
    assert ledger.rows(
        "SELECT session_id, expires_at FROM public.card_payments WHERE id = %s", payment.payment_id
    ) == [(payment.session_id, ends)]
    ledger.advance(30 * 60 + 119)
    assert ledger.value(SWEEP, 10) == 0
    assert code(reserve(ledger, new_id(), [lead_id])) == "PURCHASE_CONFLICT"
    ledger.advance(1)
    assert ledger.value(SWEEP, 10) == 1


def test_a_payment_has_one_session(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    ends = now(ledger) + timedelta(minutes=30)
    assert attach(ledger, payment, ends)["attached"]
    before = reserved_until(ledger, payment)

    for other, session in ((payment, "cs_another"), (Payment(new_id(), 1), "")):
        answer = attach(ledger, other, ends + timedelta(hours=1), session)
        assert answer == {"attached": False, "reserved_until": None}

    assert reserved_until(ledger, payment) == before
    assert ledger.value(
        "SELECT session_id FROM public.card_payments WHERE id = %s", payment.payment_id
    ) == (payment.session_id)


def test_a_session_that_comes_too_late_prolongs_nothing(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]), reserve_seconds=60)
    before = reserved_until(ledger, payment)
    ledger.advance(60)

    assert attach(ledger, payment, now(ledger) + timedelta(minutes=30))["attached"]

    assert reserved_until(ledger, payment) == before


def test_a_top_up_has_a_session_and_reserves_nothing(ledger: Ledger) -> None:
    opened = done(ledger.one("open_top_up", workspace_id=new_id(), credits=5))
    payment = Payment(opened["payment_id"], 5)

    assert attach(ledger, payment, now(ledger)) == {"attached": True, "reserved_until": None}
    assert ledger.value(CANCEL, payment.payment_id, "unreachable") == {"cancelled": False}
    assert done(take(ledger, payment.completed()))["payment_status"] == "paid"


def test_a_payment_without_a_session_is_given_up_and_its_leads_are_free(ledger: Ledger) -> None:
    buyer, cart = new_id(), leads(ledger.admin, [10, 20])
    payment = checkout(ledger, buyer, cart)

    assert ledger.value(CANCEL, payment.payment_id, "x" * 600) == {"cancelled": True}
    assert ledger.value(CANCEL, payment.payment_id, "again") == {"cancelled": False}
    assert ledger.value(CANCEL, new_id(), "nobody's") == {"cancelled": False}

    assert purchase_status(ledger, payment.payment_id) == "failed"
    assert items_of(ledger, payment.payment_id) == dict.fromkeys(cart, "released")
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("available", 0)] * 2
    assert ledger.rows(
        "SELECT details ->> 'payment_id', length(details ->> 'reason') FROM public.audit_logs"
        " WHERE action = 'card_payment_cancelled' AND workspace_id = %s",
        buyer,
    ) == [(payment.payment_id, 500)]


def test_a_payment_whose_session_is_open_is_not_given_up(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id])
    assert attach(ledger, payment, now(ledger) + timedelta(minutes=30))["attached"]

    assert ledger.value(CANCEL, payment.payment_id, "asked twice") == {"cancelled": False}

    assert purchase_status(ledger, payment.payment_id) == "pending"
    assert lead_state(ledger, lead_id) == ("reserved", 0)


def test_what_was_paid_is_not_given_up(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id])
    done(take(ledger, payment.completed()))

    assert ledger.value(CANCEL, payment.payment_id, "late") == {"cancelled": False}

    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_money_for_what_was_given_up_is_taken_up_again(ledger: Ledger) -> None:
    seller = new_id()
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10], seller=seller))
    ledger.value(CANCEL, payment.payment_id, "timed out, yet the session was made")

    outcome = done(take(ledger, payment.completed()))

    assert (outcome["payment_status"], outcome["purchase_status"]) == ("paid", "completed")
    assert totals(ledger, seller)[0] == 10


def test_the_sweeper_ends_what_has_lapsed_oldest_first(ledger: Ledger) -> None:
    payments = []
    for seconds in (90, 60, 120):
        payments.append(
            checkout(ledger, new_id(), leads(ledger.admin, [1]), reserve_seconds=seconds)
        )
    paid = checkout(ledger, new_id(), leads(ledger.admin, [1]), reserve_seconds=60)
    done(take(ledger, paid.completed()))
    statuses = []

    for seconds, limit in ((59, 10), (1, 10), (40, 10), (100, 1), (0, 1)):
        ledger.advance(seconds)
        statuses.append(ledger.value(SWEEP, limit))

    assert statuses == [0, 1, 1, 1, 0]
    for payment in payments:
        assert purchase_status(ledger, payment.payment_id) == "expired"
        assert reserved_until(ledger, payment) == [(None, None)]
    assert purchase_status(ledger, paid.payment_id) == "completed"


def test_the_sweeper_leaves_what_others_hold_and_what_others_have_by_now(ledger: Ledger) -> None:
    cart = leads(ledger.admin, [1, 2, 3, 4])
    payments = [checkout(ledger, new_id(), [x], reserve_seconds=60) for x in cart]
    ledger.advance(60)
    done(buy(ledger, ledger.funded(1, ASSET), cart[:1]))
    done(reserve(ledger, new_id(), cart[1:2]))

    with (
        ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", cart[2]),
        ledger.held_by_somebody(
            "SELECT FROM public.marketplace_purchases WHERE id = %s FOR UPDATE",
            payments[3].payment_id,
        ),
    ):
        # With nothing that would end the waiting: it does not wait.
        assert ledger.value(SWEEP, 10) == 2

    assert [purchase_status(ledger, p.payment_id) for p in payments] == [
        "expired",
        "expired",
        "pending",
        "pending",
    ]
    assert [lead_state(ledger, lead_id)[0] for lead_id in cart[:2]] == ["sold", "reserved"]
    assert ledger.value(SWEEP, 10) == 2
    assert [lead_state(ledger, lead_id)[0] for lead_id in cart[2:]] == ["available"] * 2


def test_while_changes_are_paused_nothing_of_this_happens(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]), reserve_seconds=60)
    ledger.advance(60)
    before = digest(ledger.admin)

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert ledger.value(SWEEP, 10) == 0
        for query, *arguments in (
            (ATTACH, payment.payment_id, "cs_1", "2030-01-01"),
            (CANCEL, payment.payment_id, "why"),
        ):
            with pytest.raises(psycopg.DatabaseError, match=r"^DEGRADED: "):
                ledger.value(query, *arguments)
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")

    assert digest(ledger.admin) == before


def test_only_the_service_does_this(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        caller = ledger.database.connect(role, new_id())
        for query, *arguments in ((ATTACH, new_id(), "x", "2030-01-01"), (CANCEL, new_id(), "x")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                caller.execute(query, arguments)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute(SWEEP, [1])


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
