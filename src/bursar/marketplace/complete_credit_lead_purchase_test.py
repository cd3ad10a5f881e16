"""A cart bought for credits, at SQL level: what it does, what is refused first, and for whom."""

import uuid

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    ASSET,
    buy,
    configure,
    conflicts_logged,
    emptied,
    lead,
    lead_state,
    leads,
    new_id,
    reserve,
    set_wallet,
    totals,
)
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

VERB = "complete_credit_lead_purchase"
BUY = "SELECT public.complete_credit_lead_purchase(%s, %s::uuid[])"


def test_a_cart_is_charged_paid_out_marked_and_recorded(ledger: Ledger) -> None:
    buyer, seller, other = ledger.funded(100, ASSET), *sorted([new_id(), new_id()])
    cart = [*leads(ledger.admin, [10, 20], seller=seller), lead(ledger.admin, 30, seller=other)]

    outcome = done(buy(ledger, buyer, cart, actor="user:ada"))

    transaction_id, purchase_id = outcome["transaction_id"], outcome["purchase_id"]
    assert outcome == {
        "status": "done",
        "verb": VERB,
        "transaction_id": transaction_id,
        "owner_id": buyer,
        "asset": ASSET,
        "amount": 60,
        "balance": 40,
        "held": 0,
        "available": 40,
        "purchase_id": purchase_id,
        "items": [
            {"lead_id": lead_id, "price": price}
            for lead_id, price in sorted(zip(cart, (10, 20, 30), strict=True))
        ],
        "conflicts": [],
        "replayed": False,
    }
    assert ledger.entries(transaction_id) == [
        (ASSET, buyer, -60, "used"),
        (ASSET, seller, 30, "earned"),
        (ASSET, other, 30, "earned"),
    ]
    assert ledger.rows(
        "SELECT buyer_workspace_id::text, status, total_price, fee, payment_method, actor,"
        " transaction_id, reserved_until, completed_at >= created_at"
        " FROM public.marketplace_purchases WHERE id = %s",
        purchase_id,
    ) == [(buyer, "completed", 60, 0, "credits", "user:ada", transaction_id, None, True)]
    assert ledger.rows(
        "SELECT lead_id::text, seller_workspace_id::text, price, fee, status, transaction_id,"
        " reserved_until FROM public.marketplace_purchase_items WHERE purchase_id = %s"
        " AND sold_at IS NOT NULL ORDER BY price",
        purchase_id,
    ) == [
        (lead_id, owner, price, 0, "sold", transaction_id, None)
        for lead_id, owner, price in zip(cart, (seller, seller, other), (10, 20, 30), strict=True)
    ]
    assert (
        ledger.rows(
            "SELECT marketplace_status, sold_count, first_sold_at IS NOT NULL,"
            " sold_at = first_sold_at FROM public.leads WHERE id = ANY (%s::uuid[])",
            cart,
        )
        == [("sold", 1, True, True)] * 3
    )
    assert totals(ledger, buyer) == (40, 0, 100, 60)
    assert totals(ledger, seller) == (30, 0, 30, 0)


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    buyer, seller = ledger.funded(5, ASSET), new_id()
    sold = lead(ledger.admin, 1, seller=seller)
    done(buy(ledger, buyer, [sold], key="bought"))
    cart = leads(ledger.admin, [60, 40], seller=seller)
    for workspace in (buyer, seller):
        done(ledger.one("grant", owner_id=workspace, asset=ASSET, amount=1))
    changed = {cart[0]: 59}

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(buy(ledger, buyer, ["x"], key="bought")) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(buy(ledger, buyer, ["x"], key="bought")) == "MALFORMED"
    configure(ledger.admin, purchases_per_minute=1)
    assert code(buy(ledger, buyer, [*cart, sold], key="bought")) == "IDEMPOTENCY_MISMATCH"
    assert code(buy(ledger, buyer, [*cart, sold])) == "RATE_LIMITED"
    configure(ledger.admin, purchases_per_minute=300)
    assert code(buy(ledger, buyer, [*cart, sold], expected_prices=changed)) == "PURCHASE_CONFLICT"
    set_wallet(ledger, buyer, "frozen")
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", cart[0]):
        asked: dict[str, object] = {"buyer_workspace_id": buyer, "lead_ids": cart}
        assert code(ledger.one(VERB, impatient, **asked)) == "BUSY"
        # What is known to stand in the way is told, though another lead is held.
        asked["expected_prices"] = {cart[1]: 41}
        assert code(ledger.one(VERB, impatient, **asked)) == "PRICE_CHANGED"
    assert code(buy(ledger, buyer, cart, expected_prices=changed)) == "PRICE_CHANGED"
    assert code(buy(ledger, buyer, cart)) == "WALLET_FROZEN"
    ledger.admin.execute(
        "UPDATE public.workspace_credits SET balance = 0 WHERE workspace_id = %s", [seller]
    )
    set_wallet(ledger, seller, "closed")
    refused = buy(ledger, buyer, cart)
    assert code(refused) == "WALLET_CLOSED"
    assert refused["details"] == {"owner_id": seller, "asset": ASSET}
    set_wallet(ledger, seller, "open")
    set_wallet(ledger, buyer, "open")
    refused = buy(ledger, buyer, cart)
    assert refused["message"] == "INSUFFICIENT_FUNDS: Insufficient credits to purchase these leads."
    assert refused["details"] == {"owner_id": buyer, "asset": ASSET, "available": 5, "needed": 100}
    ledger.admin.execute(
        "UPDATE public.workspace_credits SET balance = 10::bigint ^ 18 WHERE workspace_id = %s",
        [seller],
    )
    assert code(buy(ledger, buyer, cart)) == "INSUFFICIENT_FUNDS"
    done(ledger.one("grant", owner_id=buyer, asset=ASSET, amount=100))
    assert code(buy(ledger, buyer, cart)) == "BALANCE_LIMIT"


def test_a_refused_cart_changes_nothing_and_a_conflict_leaves_one_audit_row(
    ledger: Ledger,
) -> None:
    buyer, poor = ledger.funded(100, ASSET), ledger.funded(1, ASSET)
    sold, free, dear = leads(ledger.admin, [1, 2, 3])
    done(buy(ledger, buyer, [sold]))
    before = digest(ledger.admin)

    asked = [
        buy(ledger, poor, [dear]),
        buy(ledger, buyer, [dear, "x"]),
        buy(ledger, new_id(), [free]),
    ]
    assert [code(outcome) for outcome in asked] == [
        "INSUFFICIENT_FUNDS",
        "MALFORMED",
        "INSUFFICIENT_FUNDS",
    ]
    assert digest(ledger.admin) == before
    refused = [
        buy(ledger, poor, [free, sold], actor="user:eve", key="k"),
        buy(ledger, poor, [free], expected_prices={free: 1}),
    ]

    after = digest(ledger.admin)
    assert [name for name in after if after[name] != before[name]] == ["public.audit_logs"]
    assert [code(outcome) for outcome in refused] == ["PURCHASE_CONFLICT", "PRICE_CHANGED"]
    assert conflicts_logged(ledger, poor) == [
        {
            "verb": VERB,
            "code": outcome["code"],
            "purchase_id": None,
            "lead_ids": lead_ids,
            "conflicts": outcome["details"]["conflicts"],
        }
        for outcome, lead_ids in zip(refused, (sorted([free, sold]), [free]), strict=True)
    ]
    assert ledger.rows(
        "SELECT actor FROM public.audit_logs WHERE workspace_id = %s ORDER BY id", poor
    ) == [("user:eve",), ("service",)]


def test_a_closed_buyer_pays_nothing_and_a_frozen_seller_is_paid(ledger: Ledger) -> None:
    buyer, seller, closed = ledger.funded(100, ASSET), ledger.funded(1, ASSET), emptied(ledger)
    cart = leads(ledger.admin, [10], seller=seller)
    set_wallet(ledger, closed, "closed")
    set_wallet(ledger, seller, "frozen")

    refused = buy(ledger, closed, cart)

    assert code(refused) == "WALLET_CLOSED"
    assert refused["details"] == {"owner_id": closed, "asset": ASSET}
    assert done(buy(ledger, buyer, cart))["balance"] == 90
    assert ledger.wallet(seller, ASSET) == (11, 0, 0)


def test_the_same_key_is_the_first_answer_also_when_the_lead_is_sold(ledger: Ledger) -> None:
    buyer, poor = ledger.funded(100, ASSET), ledger.funded(1, ASSET)
    cart = leads(ledger.admin, [10, 20])
    first = done(buy(ledger, buyer, cart, key="k"))
    conflict = buy(ledger, poor, cart, key="k")
    short = buy(ledger, poor, leads(ledger.admin, [50]), key="short")
    done(ledger.one("grant", owner_id=poor, asset=ASSET, amount=100))

    assert buy(ledger, buyer, cart, key="k") == first | {"replayed": True}
    assert buy(ledger, buyer, [x.upper() for x in cart[::-1]], key="k")["replayed"]
    assert code(buy(ledger, buyer, cart[:1], key="k")) == "IDEMPOTENCY_MISMATCH"
    assert code(buy(ledger, buyer, cart, key="k", allow_partial=True)) == "IDEMPOTENCY_MISMATCH"
    prices = dict.fromkeys(cart, 10)
    assert code(buy(ledger, buyer, cart, key="k", expected_prices=prices)) == (
        "IDEMPOTENCY_MISMATCH"
    )
    assert code(conflict) == "PURCHASE_CONFLICT"
    assert buy(ledger, poor, cart, key="k") == conflict | {"replayed": True}
    assert len(conflicts_logged(ledger, poor)) == 1
    lead_ids = [item["lead_id"] for item in first["items"]]
    assert code(buy(ledger, poor, leads(ledger.admin, [50]), key="short")) == "IDEMPOTENCY_MISMATCH"
    assert code(short) == "INSUFFICIENT_FUNDS"
    assert totals(ledger, buyer) == (70, 0, 100, 30)
    assert sorted(cart) == lead_ids
    # A key belongs to one workspace, one class of callers and one verb.
    assert not done(buy(ledger, buyer, leads(ledger.admin, [1]), key="k", principal="user"))[
        "replayed"
    ]
    assert not done(reserve(ledger, buyer, leads(ledger.admin, [1]), key="k"))["replayed"]


def test_what_time_lifts_is_not_remembered(ledger: Ledger) -> None:
    buyer, [lead_id] = ledger.funded(100, ASSET), leads(ledger.admin, [10])
    done(buy(ledger, buyer, leads(ledger.admin, [1])))
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    asked = {"buyer_workspace_id": buyer, "lead_ids": [lead_id], "key": "k"}

    configure(ledger.admin, purchases_per_minute=1)
    limited = ledger.one(VERB, **asked)
    configure(ledger.admin, purchases_per_minute=300)
    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", lead_id):
        busy = ledger.one(VERB, impatient, **asked)
    with ledger.held_by_somebody(
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE", buyer
    ):
        busy_wallet = ledger.one(VERB, impatient, **asked)

    assert [code(outcome) for outcome in (limited, busy, busy_wallet)] == [
        "RATE_LIMITED",
        "BUSY",
        "BUSY",
    ]
    assert done(ledger.one(VERB, **asked))["balance"] == 89
    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_the_function_of_schema_public_is_for_the_service_alone(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [10])
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, buyer).execute(BUY, [buyer, cart])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, buyer).execute(
                "SELECT bursar.complete_credit_lead_purchase('[{}]')"
            )

    [(first,)] = ledger.caller.execute(BUY, [buyer, cart]).fetchall()
    [(again,)] = ledger.caller.execute(BUY, [buyer, cart]).fetchall()
    [(unreadable,)] = ledger.caller.execute(BUY, [buyer, [None]]).fetchall()

    assert done(first)["balance"] == 90
    assert code(again) == "PURCHASE_CONFLICT"
    assert again["details"]["conflicts"][0]["reason"] == "already_purchased"
    assert code(unreadable) == "MALFORMED"
    assert ledger.rows(
        "SELECT actor FROM public.marketplace_purchases WHERE buyer_workspace_id = %s", buyer
    ) == [("sql:service_role",)]
    assert uuid.UUID(first["purchase_id"]).version == 4


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
