"""A cart reserved for a card: what is written down, what is refused, what is replayed."""

from datetime import timedelta

import psycopg
import pytest

from tests.ledger_in_sql import NOON, Ledger, code, done
from tests.market import (
    ASSET,
    buy,
    configure,
    conflicts_logged,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    reserve,
    set_wallet,
    totals,
)
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

VERB = "validate_and_lock_leads_for_purchase"
RESERVE = "SELECT public.validate_and_lock_leads_for_purchase(%s, %s::uuid[])"


def test_a_cart_is_reserved_at_its_prices_and_nothing_is_charged(ledger: Ledger) -> None:
    ledger.stop_clock()
    buyer, sellers = ledger.funded(100, ASSET), [new_id(), new_id()]
    cart = [lead(ledger.admin, 10, seller=sellers[0]), lead(ledger.admin, 20, seller=sellers[1])]
    configure(ledger.admin, fee_basis_points=1000, card_unit_amount=7, card_currency="eur")

    outcome = done(reserve(ledger, buyer, cart, actor="user:ada"))
    configure(ledger.admin, fee_basis_points=0, card_unit_amount=1, card_currency="usd")

    purchase_id, until = outcome["purchase_id"], NOON + timedelta(seconds=2400)
    assert outcome == {
        "status": "done",
        "verb": VERB,
        "purchase_id": purchase_id,
        "payment_id": purchase_id,
        "owner_id": buyer,
        "total_price": 30,
        "amount": 210,
        "currency": "eur",
        "reserved_until": until.isoformat(),
        "items": [
            {"lead_id": lead_id, "price": price}
            for lead_id, price in sorted(zip(cart, (10, 20), strict=True))
        ],
        "conflicts": [],
        "replayed": False,
    }
    assert ledger.rows(
        "SELECT buyer_workspace_id::text, status, total_price, fee, payment_method, actor,"
        " transaction_id, reserved_until, completed_at FROM public.marketplace_purchases"
        " WHERE id = %s",
        purchase_id,
    ) == [(buyer, "pending", 30, 3, "stripe", "user:ada", None, until, None)]
    assert ledger.rows(
        "SELECT lead_id::text, seller_workspace_id::text, price, fee, status, reserved_until"
        " FROM public.marketplace_purchase_items WHERE purchase_id = %s ORDER BY price",
        purchase_id,
    ) == [
        (cart[0], sellers[0], 10, 1, "reserved", until),
        (cart[1], sellers[1], 20, 2, "reserved", until),
    ]
    assert ledger.rows(
        "SELECT workspace_id::text, purchase_id::text, credits, amount, currency, mode, status,"
        " owed, reversed, session_id, payment_intent, paid_at FROM public.card_payments"
        " WHERE id = %s",
        purchase_id,
    ) == [(buyer, purchase_id, 30, 210, "eur", "test", "pending", 0, 0, None, None, None)]
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("reserved", 0)] * 2
    assert totals(ledger, buyer) == (100, 0, 100, 0)
    assert [totals(ledger, seller) for seller in sellers] == [(0, 0, 0, 0)] * 2


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    buyer, (lead_id, dear, sold) = ledger.funded(100, ASSET), leads(ledger.admin, [5, 10**8, 1])
    done(buy(ledger, buyer, [sold]))
    done(reserve(ledger, buyer, leads(ledger.admin, [1]), key="k"))
    seen = {dear: 1}
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(reserve(ledger, buyer, ["x"], key="k")) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(reserve(ledger, buyer, ["x"], key="k")) == "MALFORMED"
    configure(ledger.admin, purchases_per_minute=1)
    assert code(reserve(ledger, buyer, [lead_id, sold], key="k")) == "IDEMPOTENCY_MISMATCH"
    assert code(reserve(ledger, buyer, [lead_id, sold])) == "RATE_LIMITED"
    configure(ledger.admin, purchases_per_minute=300)
    cart = [lead_id, dear, sold]
    assert code(reserve(ledger, buyer, cart, expected_prices=seen)) == "PURCHASE_CONFLICT"
    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", lead_id):
        asked: dict[str, object] = {"buyer_workspace_id": buyer, "lead_ids": cart[:2]}
        assert code(ledger.one(VERB, impatient, **asked, expected_prices=seen)) == "PRICE_CHANGED"
        assert code(ledger.one(VERB, impatient, **asked)) == "BUSY"
    # No card pays so much.
    refused = reserve(ledger, buyer, cart[:2])
    assert (code(refused), refused["details"]) == ("MALFORMED", {"field": "lead_ids"})
    done(reserve(ledger, buyer, cart[:1]))


def test_a_wallet_that_somebody_holds_makes_its_buyer_busy_and_nobody_else(ledger: Ledger) -> None:
    buyer, other, cart = ledger.funded(1, ASSET), new_id(), leads(ledger.admin, [5, 6])
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    with ledger.held_by_somebody(
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE", buyer
    ):
        outcomes = ledger.ask(
            VERB,
            [
                {"buyer_workspace_id": buyer, "lead_ids": cart[:1], "key": "k"},
                {"buyer_workspace_id": other, "lead_ids": cart[1:]},
            ],
            impatient,
        )

    assert [o.get("code", "done") for o in outcomes] == ["BUSY", "done"]
    assert not done(reserve(ledger, buyer, cart[:1], key="k"))["replayed"]


def test_a_refused_cart_changes_nothing_and_a_conflict_leaves_one_audit_row(
    ledger: Ledger,
) -> None:
    buyer, (sold, free) = ledger.funded(100, ASSET), leads(ledger.admin, [1, 2])
    done(buy(ledger, buyer, [sold]))
    before = digest(ledger.admin)

    conflict = reserve(ledger, buyer, [free, sold], key="k")
    assert code(reserve(ledger, buyer, [free, "x"])) == "MALFORMED"
    assert reserve(ledger, buyer, [free, sold], key="k") == conflict | {"replayed": True}

    after = digest(ledger.admin)
    assert [name for name in after if after[name] != before[name]] == ["public.audit_logs"]
    assert [row["code"] for row in conflicts_logged(ledger, buyer)] == [code(conflict)]


def test_the_same_key_is_the_first_answer_also_when_the_reservation_is_over(
    ledger: Ledger,
) -> None:
    ledger.stop_clock()
    buyer, [lead_id] = new_id(), leads(ledger.admin, [5])
    first = done(reserve(ledger, buyer, [lead_id], key="k", reserve_seconds=60))
    ledger.advance(60)
    assert ledger.value("SELECT bursar.expire_lead_reservations()") >= 1
    done(buy(ledger, ledger.funded(5, ASSET), [lead_id]))

    assert reserve(ledger, buyer, [lead_id], key="k", reserve_seconds=60) == first | {
        "replayed": True
    }
    assert lead_state(ledger, lead_id) == ("sold", 1)
    assert code(reserve(ledger, buyer, leads(ledger.admin, [5]), key="k")) == (
        "IDEMPOTENCY_MISMATCH"
    )


def test_a_part_of_a_cart_is_reserved_and_paid_for(ledger: Ledger) -> None:
    buyer, (sold, free) = new_id(), leads(ledger.admin, [1, 2])
    done(buy(ledger, ledger.funded(1, ASSET), [sold]))

    outcome = done(reserve(ledger, buyer, [sold, free], allow_partial=True, mode="live"))

    assert (outcome["amount"], outcome["conflicts"]) == (2, [{"lead_id": sold, "reason": "sold"}])
    assert ledger.rows(
        "SELECT amount, mode FROM public.card_payments WHERE id = %s", outcome["payment_id"]
    ) == [(2, "live")]
    assert [row["purchase_id"] for row in conflicts_logged(ledger, buyer)] == [
        outcome["purchase_id"]
    ]


def test_carts_of_a_batch_are_reserved_as_if_in_order(ledger: Ledger) -> None:
    a, b, (x, y, z) = new_id(), new_id(), leads(ledger.admin, [1, 2, 3])
    asked = [
        {"buyer_workspace_id": buyer, "lead_ids": cart, "key": key}
        for buyer, cart, key in (
            (a, [x, y], "k"),
            (b, [y, z], "l"),
            (a, [x, y], "k"),
            (b, [z], "m"),
        )
    ]

    outcomes = ledger.ask(VERB, asked)

    assert [o.get("code", o["replayed"]) for o in outcomes] == [
        False,
        "PURCHASE_CONFLICT",
        True,
        False,
    ]
    assert [lead_state(ledger, lead_id)[0] for lead_id in (x, y, z)] == ["reserved"] * 3


def test_a_closed_or_frozen_wallet_may_reserve_since_a_card_pays(ledger: Ledger) -> None:
    for status in ("frozen", "closed"):
        buyer = new_id()
        done(reserve(ledger, buyer, leads(ledger.admin, [1])))
        set_wallet(ledger, buyer, status)
        done(reserve(ledger, buyer, leads(ledger.admin, [1])))


def test_the_function_of_schema_public_is_for_the_service_alone(ledger: Ledger) -> None:
    buyer, cart = new_id(), leads(ledger.admin, [10])
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, buyer).execute(RESERVE, [buyer, cart])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, buyer).execute(f"SELECT bursar.{VERB}('[{{}}]')".encode())

    [(first,)] = ledger.caller.execute(RESERVE, [buyer, cart]).fetchall()
    [(other,)] = ledger.caller.execute(RESERVE, [new_id(), cart]).fetchall()
    [(short,)] = ledger.caller.execute(
        "SELECT public.validate_and_lock_leads_for_purchase(p_buyer_workspace_id => %s,"
        " p_lead_ids => %s::uuid[], p_expected_prices => jsonb_build_object(%s::text, 9),"
        " p_allow_partial => NULL, p_reserve_seconds => 60)",
        [buyer, cart, cart[0]],
    ).fetchall()

    assert purchase_status(ledger, done(first)["purchase_id"]) == "pending"
    assert code(other) == "PURCHASE_CONFLICT"
    assert code(short) == "PRICE_CHANGED"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
