"""Leads marked as sold for callers of the older way: of purchases that were paid, and no others."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    buy,
    checkout,
    emptied,
    lead_state,
    leads,
    new_id,
    purchase_status,
    set_wallet,
    take,
    totals,
)
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

VERB = "mark_leads_sold_bulk"
MARK = "SELECT public.mark_leads_sold_bulk(%s)"


def mark(ledger: Ledger, purchase_id: object) -> Outcome:
    return ledger.one(VERB, purchase_id=purchase_id)


def test_what_was_not_paid_is_not_sold(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id])
    before = digest(ledger.admin)

    refused = mark(ledger, payment.payment_id)

    assert code(refused) == "NOT_PAID"
    assert refused["details"] == {
        "purchase_id": payment.payment_id,
        "purchase_status": "pending",
    }
    assert digest(ledger.admin) == before
    for event in (
        payment.completed("unpaid"),
        payment.session("completed", amount_total=9),
        payment.failed(),
        payment.expired(),
    ):
        done(take(ledger, event))
        assert code(mark(ledger, payment.payment_id)) == "NOT_PAID"
    assert lead_state(ledger, lead_id) == ("available", 0)


def test_what_has_its_leads_already_is_answered_as_it_stands(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id])
    done(take(ledger, payment.completed()))
    buyer, cart = ledger.funded(20, ASSET), leads(ledger.admin, [20])
    bought = done(buy(ledger, buyer, cart))
    before = digest(ledger.admin)

    by_card, for_credits = mark(ledger, payment.payment_id), mark(ledger, bought["purchase_id"])

    assert by_card["items"] == [{"lead_id": lead_id, "price": 10, "status": "sold"}]
    assert for_credits == {
        "status": "done",
        "verb": VERB,
        "purchase_id": bought["purchase_id"],
        "owner_id": buyer,
        "purchase_status": "completed",
        "total_price": 20,
        "items": [{"lead_id": cart[0], "price": 20, "status": "sold"}],
        "replayed": True,
    }
    assert digest(ledger.admin) == before


def test_a_payment_that_a_closed_wallet_kept_from_being_settled_is_settled(ledger: Ledger) -> None:
    seller = emptied(ledger)
    [lead_id] = leads(ledger.admin, [10], seller=seller)
    payment = checkout(ledger, new_id(), [lead_id])
    set_wallet(ledger, seller, "closed")
    assert code(take(ledger, payment.completed())) == "WALLET_CLOSED"

    refused = mark(ledger, payment.payment_id)
    assert code(refused) == "WALLET_CLOSED"
    assert refused["details"] == {"purchase_id": payment.payment_id}
    set_wallet(ledger, seller, "open")
    outcome = done(mark(ledger, payment.payment_id))

    assert (outcome["purchase_status"], outcome["replayed"]) == ("completed", False)
    assert mark(ledger, payment.payment_id) == outcome | {"replayed": True}
    assert totals(ledger, seller)[0] == 10
    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_an_event_that_was_kept_while_changes_were_paused_counts(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    done(ledger.value("SELECT bursar.keep_event(%s)", Jsonb(payment.completed())))
    assert purchase_status(ledger, payment.payment_id) == "pending"

    assert done(mark(ledger, payment.payment_id))["purchase_status"] == "completed"


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    seller = emptied(ledger)
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10], seller=seller))
    set_wallet(ledger, seller, "closed")
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    held = "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE"

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(mark(ledger, "x")) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    unreadable: tuple[object, ...] = (None, "", "x", 5, {}, [new_id()])
    for wrong in unreadable:
        outcome = mark(ledger, wrong)
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": "purchase_id"})
    assert code(mark(ledger, new_id())) == "PURCHASE_NOT_FOUND"
    with ledger.held_by_somebody(held, seller):
        assert code(ledger.one(VERB, impatient, purchase_id=payment.payment_id)) == "NOT_PAID"
    assert code(take(ledger, payment.completed())) == "WALLET_CLOSED"
    with ledger.held_by_somebody(held, seller):
        assert code(ledger.one(VERB, impatient, purchase_id=payment.payment_id)) == "BUSY"
    assert code(mark(ledger, payment.payment_id)) == "WALLET_CLOSED"


def test_a_batch_is_answered_in_order(ledger: Ledger) -> None:
    paid, unpaid = (checkout(ledger, new_id(), leads(ledger.admin, [10])) for _ in range(2))
    done(take(ledger, paid.completed()))

    outcomes = ledger.ask(
        VERB,
        [5, {"purchase_id": unpaid.payment_id}, {"purchase_id": paid.payment_id.upper()}, []],
    )

    assert [o.get("code", o.get("purchase_status")) for o in outcomes] == [
        "MALFORMED",
        "NOT_PAID",
        "completed",
        "MALFORMED",
    ]


def test_the_function_of_schema_public_is_for_the_service_alone(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute(MARK, [payment.payment_id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute(
                f"SELECT bursar.{VERB}('[{{}}]')".encode()
            )

    [(unpaid,)] = ledger.caller.execute(MARK, [payment.payment_id]).fetchall()
    done(take(ledger, payment.completed()))
    [(paid,)] = ledger.caller.execute(MARK, [payment.payment_id]).fetchall()

    assert code(unpaid) == "NOT_PAID"
    assert done(paid)["purchase_status"] == "completed"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
