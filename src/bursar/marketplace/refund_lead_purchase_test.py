"""A purchase for credits taken back: the credits, the sellers' part, the fee, and the leads."""

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    buy,
    checkout,
    configure,
    fees_kept,
    items_of,
    lead,
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

VERB = "refund_lead_purchase"


def refund(ledger: Ledger, purchase_id: object, **other: object) -> Outcome:
    return ledger.one(VERB, purchase_id=purchase_id, **other)


def bought(ledger: Ledger, *prices: int, seller: str = "") -> tuple[str, str, list[str]]:
    """A buyer who has spent 100 on leads, the purchase, and the leads."""
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, prices or [100], seller=seller)
    return buyer, done(buy(ledger, buyer, cart))["purchase_id"], cart


def test_everybody_gives_back_what_they_got_and_the_leads_go_on_sale(ledger: Ledger) -> None:
    buyer, sellers, kept = ledger.funded(500, ASSET), [new_id(), new_id()], fees_kept(ledger)
    cart = [lead(ledger.admin, 100 + n, seller=sellers[n % 2]) for n in range(3)]
    configure(ledger.admin, fee_basis_points=333)
    purchase_id = done(buy(ledger, buyer, cart))["purchase_id"]
    configure(ledger.admin, fee_basis_points=0)
    assert fees_kept(ledger) == kept + 9

    outcome = done(refund(ledger, purchase_id, reason="wrong leads", actor="user:ada"))

    assert outcome == {
        "status": "done",
        "verb": VERB,
        "purchase_id": purchase_id,
        "owner_id": buyer,
        "purchase_status": "refunded",
        "total_price": 303,
        "items": [
            {"lead_id": lead_id, "price": price, "status": "refunded"}
            for lead_id, price in sorted(zip(cart, (100, 101, 102), strict=True))
        ],
        "replayed": False,
    }
    assert totals(ledger, buyer) == (500, 0, 500, 0)
    assert [totals(ledger, seller) for seller in sellers] == [(0, 0, 0, 0)] * 2
    assert fees_kept(ledger) == kept
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("available", 0)] * 3
    assert purchase_status(ledger, purchase_id) == "refunded"
    assert ledger.rows(
        "SELECT t.reason, t.actor FROM bursar.transaction AS t"
        " JOIN public.marketplace_purchases AS p ON t.corrects = p.transaction_id"
        " WHERE p.id = %s",
        purchase_id,
    ) == [("wrong leads", "user:ada")]
    done(buy(ledger, buyer, cart))


def test_a_part_that_was_given_back_before_comes_off(ledger: Ledger) -> None:
    buyer, purchase_id, cart = bought(ledger)
    [(transaction_id,)] = ledger.rows(
        "SELECT transaction_id FROM public.marketplace_purchases WHERE id = %s", purchase_id
    )
    done(ledger.one("refund", transaction_id=transaction_id, amount=30))
    assert lead_state(ledger, cart[0]) == ("sold", 1)

    done(refund(ledger, purchase_id))

    assert totals(ledger, buyer) == (100, 0, 100, 0)
    assert lead_state(ledger, cart[0]) == ("available", 0)


def test_what_a_seller_no_longer_has_becomes_debt(ledger: Ledger) -> None:
    seller = new_id()
    buyer, purchase_id, _ = bought(ledger, seller=seller)
    done(ledger.one("spend", owner_id=seller, asset=ASSET, amount=60))

    done(refund(ledger, purchase_id))

    assert ledger.wallet(buyer, ASSET) == (100, 0, 0)
    assert ledger.wallet(seller, ASSET) == (0, 0, 60)
    balance, purchased, earned, used = totals(ledger, seller)
    assert balance == purchased + earned - used == 0


def test_only_its_own_sale_of_a_lead_is_taken_back(ledger: Ledger) -> None:
    lead_id = lead(ledger.admin, 5, max_sales=2)
    first, second = ledger.funded(5, ASSET), ledger.funded(5, ASSET)
    purchase_id = done(buy(ledger, first, [lead_id]))["purchase_id"]
    done(buy(ledger, second, [lead_id]))

    done(refund(ledger, purchase_id))

    assert lead_state(ledger, lead_id) == ("available", 1)
    assert ledger.rows(
        "SELECT first_sold_at IS NOT NULL, sold_at FROM public.leads WHERE id = %s", lead_id
    ) == [(True, None)]
    done(buy(ledger, first, [lead_id]))


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    seller = new_id()
    buyer, purchase_id, _ = bought(ledger, seller=seller)
    _, other, _ = bought(ledger)
    by_card = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    done(take(ledger, by_card.completed()))
    done(refund(ledger, other, key="k"))
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(refund(ledger, "x")) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    unreadable: tuple[object, ...] = (None, "", "x", 5, {}, [purchase_id])
    for wrong in unreadable:
        outcome = refund(ledger, wrong)
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": "purchase_id"})
    for field, value in (("key", "ü"), ("principal", "root"), ("reason", ""), ("actor", 5)):
        outcome = refund(ledger, purchase_id, **{field: value})
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": field})
    assert code(refund(ledger, new_id())) == "PURCHASE_NOT_FOUND"
    not_credits = refund(ledger, by_card.payment_id)
    assert code(not_credits) == "NOT_REFUNDABLE"
    assert not_credits["details"]["payment_method"] == "stripe"
    with ledger.held_by_somebody(
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE", buyer
    ):
        assert code(ledger.one(VERB, impatient, purchase_id=purchase_id)) == "BUSY"
    with ledger.held_by_somebody(
        "SELECT FROM public.leads WHERE seller_workspace_id = %s FOR UPDATE", seller
    ):
        assert code(ledger.one(VERB, impatient, purchase_id=purchase_id)) == "BUSY"
    done(ledger.one("spend", owner_id=seller, asset=ASSET, amount=100))
    set_wallet(ledger, seller, "closed")
    assert code(refund(ledger, purchase_id)) == "WALLET_CLOSED"
    assert purchase_status(ledger, purchase_id) == "completed"
    set_wallet(ledger, seller, "open")
    done(refund(ledger, purchase_id))
    assert code(refund(ledger, purchase_id)) == "REFUND_EXCEEDED"


def test_the_same_key_refunds_once(ledger: Ledger) -> None:
    buyer, purchase_id, cart = bought(ledger)
    again = done(buy(ledger, ledger.funded(10, ASSET), leads(ledger.admin, [10])))
    first = done(refund(ledger, purchase_id, key="k"))
    done(buy(ledger, buyer, cart))
    before = digest(ledger.admin)

    # It tells how the purchase stands; the lead belongs to another one by now.
    assert refund(ledger, purchase_id, key="k") == first | {"replayed": True}
    assert code(refund(ledger, purchase_id, key="l")) == "REFUND_EXCEEDED"
    assert code(refund(ledger, purchase_id)) == "REFUND_EXCEEDED"

    assert digest(ledger.admin) == before
    assert lead_state(ledger, cart[0]) == ("sold", 1)
    assert purchase_status(ledger, again["purchase_id"]) == "completed"


def test_purchases_of_a_batch_are_refunded_one_by_one(ledger: Ledger) -> None:
    _, first, _ = bought(ledger)
    _, second, cart = bought(ledger, 40, 60)

    outcomes = ledger.ask(
        VERB,
        [{"purchase_id": p} for p in (first, new_id(), first.upper(), second, "x")],
    )

    assert [o.get("code", o.get("purchase_status")) for o in outcomes] == [
        "refunded",
        "PURCHASE_NOT_FOUND",
        "REFUND_EXCEEDED",
        "refunded",
        "MALFORMED",
    ]
    assert items_of(ledger, second) == dict.fromkeys(cart, "refunded")


def test_only_the_service_refunds(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute(
                "SELECT bursar.refund_lead_purchase('[{}]')"
            )


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
