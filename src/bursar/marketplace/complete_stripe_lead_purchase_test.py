"""A card purchase that a caller says was paid: completed once, whoever else says so too."""

import uuid

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    Payment,
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

VERB = "complete_stripe_lead_purchase"
COMPLETE = "SELECT public.complete_stripe_lead_purchase(%s, %s)"


def complete(ledger: Ledger, payment: Payment, **other: object) -> Outcome:
    request = {"purchase_id": payment.payment_id, "payment_intent": payment.intent}
    return ledger.one(VERB, **(request | other))


def test_what_was_paid_is_sold_once_whoever_tells_of_it_first(ledger: Ledger) -> None:
    for webhook_first in (True, False):
        seller, buyer, cart = new_id(), new_id(), leads(ledger.admin, [10, 20])
        ledger.admin.execute(
            "UPDATE public.leads SET seller_workspace_id = %s WHERE id = ANY (%s::uuid[])",
            [seller, cart],
        )
        payment = checkout(ledger, buyer, cart)
        if webhook_first:
            done(take(ledger, payment.completed()))

        outcome = done(complete(ledger, payment))
        done(take(ledger, payment.completed()))

        assert outcome == {
            "status": "done",
            "verb": VERB,
            "purchase_id": payment.payment_id,
            "owner_id": buyer,
            "purchase_status": "completed",
            "total_price": 30,
            "items": [
                {"lead_id": lead_id, "price": price, "status": "sold"}
                for lead_id, price in sorted(zip(cart, (10, 20), strict=True))
            ],
            "replayed": False,
        }
        assert complete(ledger, payment) == outcome | {"replayed": True}
        assert totals(ledger, seller) == (30, 0, 30, 0)
        assert [lead_state(ledger, lead_id) for lead_id in cart] == [("sold", 1)] * 2


def test_a_repeated_call_tells_how_the_purchase_stands_now(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    done(complete(ledger, payment))
    done(take(ledger, payment.refunded(10)))

    again = done(complete(ledger, payment))

    assert (again["replayed"], again["purchase_status"]) == (True, "refunded")
    assert again["items"][0]["status"] == "refunded"


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    seller = emptied(ledger)
    [lead_id] = leads(ledger.admin, [10], seller=seller)
    payment, paid = (checkout(ledger, new_id(), leads(ledger.admin, [1])) for _ in range(2))
    payment = checkout(ledger, new_id(), [lead_id])
    done(complete(ledger, paid))
    set_wallet(ledger, seller, "closed")
    missing = {"purchase_id": new_id()}
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(complete(ledger, payment, payment_intent=None)) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(complete(ledger, payment, **missing, payment_intent=5)) == "MALFORMED"
    refused = complete(ledger, payment, **missing, payment_intent=paid.intent)
    assert (code(refused), refused["details"]) == ("PURCHASE_NOT_FOUND", missing)
    taken = complete(ledger, payment, payment_intent=paid.intent)
    assert code(taken) == "EXTERNAL_ID_TAKEN"
    assert taken["details"] == {"payment_intent": paid.intent}
    with ledger.held_by_somebody(
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE", seller
    ):
        asked = {"purchase_id": payment.payment_id, "payment_intent": payment.intent}
        assert code(ledger.one(VERB, impatient, **asked)) == "BUSY"
    assert code(complete(ledger, payment)) == "WALLET_CLOSED"
    assert lead_state(ledger, lead_id) == ("reserved", 0)
    set_wallet(ledger, seller, "open")
    assert done(complete(ledger, payment))["replayed"] is False


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("purchase_id", [None, "", "x", 5, {}, [str(uuid.uuid4())]]),
        ("payment_intent", [None, "", 5, {}, ["pi_1"], "ü", "p" * 256]),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbours_are_served(
    ledger: Ledger, field: str, values: list[object]
) -> None:
    payments = [checkout(ledger, new_id(), leads(ledger.admin, [10])) for _ in range(2)]
    good = [{"purchase_id": p.payment_id, "payment_intent": p.intent} for p in payments]

    outcomes = ledger.ask(VERB, [good[0], *(good[0] | {field: v} for v in values), 5, good[1]])

    assert [o["status"] for o in outcomes] == ["done", *["refused"] * (len(values) + 1), "done"]
    for outcome in outcomes[1:-2]:
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": field})


def test_a_purchase_for_credits_has_no_card_payment(ledger: Ledger) -> None:
    bought = done(buy(ledger, ledger.funded(10, ASSET), leads(ledger.admin, [10])))
    request = {"purchase_id": bought["purchase_id"], "payment_intent": "pi_1"}

    assert code(ledger.one(VERB, **request)) == "PURCHASE_NOT_FOUND"


def test_what_one_intent_paid_it_pays_for_nothing_else(ledger: Ledger) -> None:
    first, second = (checkout(ledger, new_id(), leads(ledger.admin, [10])) for _ in range(2))
    done(complete(ledger, first))
    before = digest(ledger.admin)

    assert code(complete(ledger, second, payment_intent=first.intent)) == "EXTERNAL_ID_TAKEN"

    assert digest(ledger.admin) == before
    assert purchase_status(ledger, second.payment_id) == "pending"


def test_the_function_of_schema_public_is_for_the_service_alone(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    arguments = [payment.payment_id, payment.intent]
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute(COMPLETE, arguments)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute(
                f"SELECT bursar.{VERB}('[{{}}]')".encode()
            )

    [(first,)] = ledger.caller.execute(COMPLETE, arguments).fetchall()
    [(unreadable,)] = ledger.caller.execute(COMPLETE, [payment.payment_id, None]).fetchall()

    assert done(first)["purchase_status"] == "completed"
    assert code(unreadable) == "MALFORMED"
    assert ledger.rows(
        "SELECT actor FROM bursar.transaction WHERE reason = 'leads of purchase ' || %s",
        payment.payment_id,
    ) == [("sql:service_role",)]


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
