"""Where the events of a card payment bring its purchase, its leads and the money that is owed."""

import itertools

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    Event,
    Payment,
    buy,
    checkout,
    items_of,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    reserve,
    take,
    totals,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(autouse=True)
def _clock(ledger: Ledger) -> None:
    ledger.stop_clock()


def after(ledger: Ledger, *events: Event) -> Outcome:
    """The outcome of the last of these events."""
    return [done(take(ledger, happened)) for happened in events][-1]


def owed(ledger: Ledger, payment: Payment) -> list[tuple[int, int, str]]:
    """What is owed for leads that are gone, and what is to be refunded of it."""
    return ledger.rows(
        "SELECT p.owed, r.amount, r.status FROM public.card_payments AS p"
        " JOIN public.card_refunds AS r ON r.payment_id = p.id WHERE p.id = %s",
        payment.payment_id,
    )


def owed_logged(ledger: Ledger, payment: Payment) -> list[dict[str, object]]:
    """What the audit log says is owed."""
    return [
        details
        for (details,) in ledger.rows(
            "SELECT details FROM public.audit_logs WHERE action = 'refund_owed'"
            " AND details ->> 'payment_id' = %s",
            payment.payment_id,
        )
    ]


def test_what_was_reserved_is_sold_as_it_was_seen(ledger: Ledger) -> None:
    seller = new_id()
    cart = leads(ledger.admin, [10, 20], seller=seller)
    payment = checkout(ledger, new_id(), cart)
    ledger.admin.execute(
        "UPDATE public.leads SET price = 1000, is_marketplace_listed = false"
        " WHERE seller_workspace_id = %s",
        [seller],
    )

    outcome = after(ledger, payment.completed())

    assert outcome["purchase_status"] == "completed"
    assert totals(ledger, seller)[0] == 30
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("sold", 1)] * 2


def test_money_that_comes_after_the_reservation_buys_what_is_still_free(ledger: Ledger) -> None:
    [swept, lapsed] = leads(ledger.admin, [10, 10])
    first = checkout(ledger, new_id(), [swept], reserve_seconds=60)
    ledger.advance(60)
    ledger.value("SELECT bursar.expire_lead_reservations()")
    second = checkout(ledger, new_id(), [lapsed], reserve_seconds=60)
    ledger.advance(60)

    for payment, lead_id in ((first, swept), (second, lapsed)):
        assert after(ledger, payment.completed())["purchase_status"] == "completed"
        assert lead_state(ledger, lead_id) == ("sold", 1)
        assert owed(ledger, payment) == []


@pytest.mark.parametrize("how", ["sold", "reserved", "delisted", "sold elsewhere"])
def test_money_for_what_is_gone_is_owed_back_and_nothing_is_sold_twice(
    ledger: Ledger, how: str
) -> None:
    seller, buyer, [lead_id] = new_id(), new_id(), leads(ledger.admin, [10])
    payment = checkout(ledger, buyer, [lead_id], reserve_seconds=60)
    ledger.advance(60)
    if how == "sold":
        done(buy(ledger, ledger.funded(10, ASSET), [lead_id]))
    elif how == "reserved":
        done(reserve(ledger, new_id(), [lead_id]))
    elif how == "sold elsewhere":
        ledger.admin.execute(
            "UPDATE public.leads SET marketplace_status = 'sold' WHERE id = %s", [lead_id]
        )
    else:
        ledger.admin.execute(
            "UPDATE public.leads SET is_marketplace_listed = false WHERE id = %s", [lead_id]
        )
    before = lead_state(ledger, lead_id)

    outcome = after(ledger, payment.completed())

    assert (outcome["payment_status"], outcome["purchase_status"]) == ("paid", "failed")
    assert items_of(ledger, payment.payment_id) == {lead_id: "gone"}
    assert owed(ledger, payment) == [(10, 10, "owed")]
    assert owed_logged(ledger, payment) == [
        {
            "payment_id": payment.payment_id,
            "amount": 10,
            "currency": "usd",
            "lead_ids": [lead_id],
        }
    ]
    assert totals(ledger, seller) == (0, 0, 0, 0)
    # Nothing of a lead that is merely off sale stays reserved.
    assert lead_state(ledger, lead_id) == (("available", 0) if how == "delisted" else before)
    assert ledger.rows(
        "SELECT completed_at FROM public.marketplace_purchases WHERE id = %s", payment.payment_id
    ) == [(None,)]


def test_of_a_cart_what_is_there_is_sold_and_the_rest_is_owed_back(ledger: Ledger) -> None:
    seller = new_id()
    cart = leads(ledger.admin, [10, 20, 30], seller=seller)
    payment = checkout(ledger, new_id(), cart, reserve_seconds=60)
    ledger.advance(60)
    done(buy(ledger, ledger.funded(20, ASSET), cart[1:2]))

    outcome = after(ledger, payment.completed())

    assert outcome["purchase_status"] == "completed"
    assert items_of(ledger, payment.payment_id) == dict(
        zip(cart, ("sold", "gone", "sold"), strict=True)
    )
    assert owed(ledger, payment) == [(20, 20, "owed")]
    assert totals(ledger, seller)[0] == 60
    # The refund of what was owed takes nothing from the seller; all of it does.
    assert after(ledger, payment.refunded(20))["purchase_status"] == "completed"
    assert owed(ledger, payment) == [(20, 20, "issued")]
    assert totals(ledger, seller)[0] == 60
    assert after(ledger, payment.refunded(60))["purchase_status"] == "refunded"
    assert totals(ledger, seller) == (20, 0, 20, 0)
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [
        ("available", 0),
        ("sold", 1),
        ("available", 0),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_was_refunded_by_hand_is_not_refunded_again(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    for amounts, left in (((4, 6), (10, 4, "owed")), ((4, 10), (10, 10, "issued"))):
        [lead_id] = leads(ledger.admin, [10])
        payment = checkout(ledger, new_id(), [lead_id], reserve_seconds=60)
        ledger.advance(60)
        done(buy(ledger, ledger.funded(10, ASSET), [lead_id]))
        events = [payment.completed(), *(payment.refunded(amount) for amount in amounts)]

        after(ledger, *(events[n] for n in order))

        assert owed(ledger, payment) == [left]
        assert purchase_status(ledger, payment.payment_id) == (
            "refunded" if left[2] == "issued" else "failed"
        )


def test_what_a_lost_dispute_took_for_a_gone_lead_is_not_taken_from_sellers(
    ledger: Ledger,
) -> None:
    seller = new_id()
    cart = leads(ledger.admin, [40, 60], seller=seller)
    payment = checkout(ledger, new_id(), cart, reserve_seconds=60)
    ledger.advance(60)
    done(buy(ledger, ledger.funded(40, ASSET), cart[:1]))
    after(ledger, payment.completed(), payment.dispute("funds_withdrawn", 40))
    # Held, and not lost yet: it may come back, and the refund is still to be asked for.
    assert (totals(ledger, seller)[0], owed(ledger, payment)) == (60, [(40, 40, "owed")])

    after(ledger, payment.dispute("closed", 40, status="lost"))

    assert owed(ledger, payment) == [(40, 40, "issued")]
    assert totals(ledger, seller)[0] == 100


def test_whoever_bought_it_for_credits_meanwhile_gets_the_money_back(ledger: Ledger) -> None:
    buyer, [lead_id] = ledger.funded(10, ASSET), leads(ledger.admin, [10])
    payment = checkout(ledger, buyer, [lead_id])
    done(buy(ledger, buyer, [lead_id]))

    assert purchase_status(ledger, payment.payment_id) == "expired"
    assert after(ledger, payment.completed())["purchase_status"] == "failed"
    assert owed(ledger, payment) == [(10, 10, "owed")]
    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_of_a_lead_for_several_nobody_buys_two(ledger: Ledger) -> None:
    buyer, lead_id = ledger.funded(10, ASSET), lead(ledger.admin, 10, max_sales=3)
    payment = checkout(ledger, buyer, [lead_id], reserve_seconds=60)
    ledger.advance(60)
    done(buy(ledger, buyer, [lead_id]))

    assert after(ledger, payment.completed())["purchase_status"] == "failed"
    assert lead_state(ledger, lead_id) == ("available", 1)


def test_a_method_that_pays_later_keeps_the_reservation(ledger: Ledger) -> None:
    [lead_id] = leads(ledger.admin, [10])
    payment = checkout(ledger, new_id(), [lead_id], reserve_seconds=60)
    assert after(ledger, payment.completed("unpaid"))["purchase_status"] == "pending"
    ledger.advance(13 * 86_400)

    ledger.value("SELECT bursar.expire_lead_reservations()")
    assert purchase_status(ledger, payment.payment_id) == "pending"
    assert code(reserve(ledger, new_id(), [lead_id])) == "PURCHASE_CONFLICT"
    assert after(ledger, payment.succeeded())["purchase_status"] == "completed"
    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_a_reservation_that_has_lapsed_is_not_prolonged(ledger: Ledger) -> None:
    """By now the lead may be reserved by somebody else, who would be robbed of it."""
    [lead_id] = leads(ledger.admin, [10])
    late = checkout(ledger, new_id(), [lead_id], reserve_seconds=60)
    ledger.advance(60)
    prompt = checkout(ledger, new_id(), [lead_id])

    after(ledger, late.completed("unpaid"))
    assert after(ledger, late.succeeded())["purchase_status"] == "failed"

    assert after(ledger, prompt.completed())["purchase_status"] == "completed"
    assert owed(ledger, late) == [(10, 10, "owed")]


@pytest.mark.parametrize(
    ("kinds", "payment_status", "purchase_status"),
    [
        (("expired",), "expired", "expired"),
        (("unpaid",), "pending", "pending"),
        (("unpaid", "failed"), "failed", "failed"),
        (("failed", "expired"), "failed", "failed"),
        (("unpaid", "failed", "succeeded"), "paid", "completed"),
        (("expired", "completed"), "paid", "completed"),
        (("expired", "refunded"), "expired", "expired"),
        (("completed", "expired", "refunded"), "refunded", "refunded"),
    ],
)
def test_the_status_follows_from_the_set_of_events_by_precedence(
    ledger: Ledger, kinds: tuple[str, ...], payment_status: str, purchase_status: str
) -> None:
    for order in itertools.permutations(kinds):
        seller = new_id()
        [lead_id] = leads(ledger.admin, [10], seller=seller)
        payment = checkout(ledger, new_id(), [lead_id])
        made = {
            "completed": payment.completed(),
            "unpaid": payment.completed("unpaid"),
            "succeeded": payment.succeeded(),
            "failed": payment.failed(),
            "expired": payment.expired(),
            "refunded": payment.refunded(10),
        }

        outcome = after(ledger, *(made[kind] for kind in order))

        assert (outcome["payment_status"], outcome["purchase_status"]) == (
            payment_status,
            purchase_status,
        ), order
        state = {"pending": ("reserved", 0), "completed": ("sold", 1)}
        assert lead_state(ledger, lead_id) == state.get(purchase_status, ("available", 0)), order
        assert totals(ledger, seller)[0] == (10 if purchase_status == "completed" else 0), order


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
