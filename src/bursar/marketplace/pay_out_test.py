"""What a card payment pays to whom, and what refunds and disputes take back of it."""

import itertools
from collections.abc import Iterator

import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import (
    ASSET,
    Event,
    Payment,
    checkout,
    configure,
    fees_kept,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    take,
    totals,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(autouse=True)
def _as_it_was(ledger: Ledger) -> Iterator[None]:
    """A test's configuration ends with it."""
    yield
    configure(ledger.admin, fee_basis_points=0, card_unit_amount=1)


def send(ledger: Ledger, *events: Event) -> None:
    """Take these events; each has its effect."""
    for happened in events:
        assert done(take(ledger, happened))["effect"] in ("applied", "unmatched")


def topped_up(ledger: Ledger, workspace_id: str, amount: int) -> Payment:
    """A top-up that was paid."""
    outcome = done(ledger.one("open_top_up", workspace_id=workspace_id, credits=amount))
    payment = Payment(outcome["payment_id"], outcome["amount"], outcome["currency"])
    send(ledger, payment.completed())
    return payment


def reversed_so_far(ledger: Ledger, payment: Payment) -> int:
    """How many credits were taken back from those who were paid."""
    so_far: int = ledger.value(
        "SELECT reversed FROM public.card_payments WHERE id = %s", payment.payment_id
    )
    return so_far


def shop(ledger: Ledger) -> tuple[list[str], Payment, int]:
    """Two sellers, a cart of 100 and 201 at 333 basis points, and what fees were kept before."""
    configure(ledger.admin, fee_basis_points=333, card_unit_amount=10)
    sellers = sorted([new_id(), new_id()])
    cart = [
        lead(ledger.admin, price, seller=seller)
        for price, seller in zip((100, 150, 51), (sellers[0], sellers[1], sellers[1]), strict=True)
    ]
    return sellers, checkout(ledger, new_id(), cart), fees_kept(ledger)


def balances(ledger: Ledger, sellers: list[str], kept: int) -> tuple[int, int, int]:
    """What the two sellers have, and the fees."""
    first, second = (totals(ledger, seller)[0] for seller in sellers)
    return first, second, fees_kept(ledger) - kept


def test_sellers_get_the_price_less_the_fee_from_outside(ledger: Ledger) -> None:
    sellers, payment, kept = shop(ledger)

    send(ledger, payment.completed())

    # The fee of each item is rounded down: 3 of 100, 4 of 150, 1 of 51.
    assert balances(ledger, sellers, kept) == (97, 196, 8)
    assert ledger.rows(
        "SELECT place, workspace_id::text, credits, fee FROM public.card_payouts"
        " WHERE payment_id = %s ORDER BY place",
        payment.payment_id,
    ) == [(1, sellers[0], 100, 3), (2, sellers[1], 201, 5)]
    assert [
        ledger.entries(transaction_id)
        for (transaction_id,) in ledger.rows(
            "SELECT transaction_id FROM public.card_payouts WHERE payment_id = %s ORDER BY place",
            payment.payment_id,
        )
    ] == [
        [
            (ASSET, seller, net, "earned"),
            (ASSET, "system:fees", fee, "fee"),
            (ASSET, "system:external", -net - fee, "earned"),
        ]
        for seller, net, fee in ((sellers[0], 97, 3), (sellers[1], 196, 5))
    ]


# Money is refunded in tenths of a credit. Of each payout its fee is taken back in proportion,
# rounded down; payouts are taken back one after the other.
STEPS = {
    0: (97, 196, 8),
    9: (97, 196, 8),
    10: (96, 196, 8),
    330: (64, 196, 8),
    340: (64, 196, 7),
    1000: (0, 196, 5),
    1010: (0, 195, 5),
    3009: (0, 0, 1),
    3010: (0, 0, 0),
}


def test_a_refund_takes_back_the_same_whatever_steps_led_to_it(ledger: Ledger) -> None:
    for amounts in (
        [*STEPS],
        [3010, 0, 1000],
        [1000, 330, 10],
        *([amount] for amount in STEPS),
    ):
        sellers, payment, kept = shop(ledger)
        send(ledger, payment.completed())
        so_far = 0
        for amount in amounts:
            so_far = max(so_far, amount)
            send(ledger, payment.refunded(amount))
            assert balances(ledger, sellers, kept) == STEPS[so_far], (amounts, amount)
            assert reversed_so_far(ledger, payment) == so_far // 10


def test_a_full_refund_puts_the_leads_on_sale_again_and_a_part_does_not(ledger: Ledger) -> None:
    cart = leads(ledger.admin, [10, 20])
    payment = checkout(ledger, new_id(), cart)

    send(ledger, payment.completed(), payment.refunded(29))
    assert purchase_status(ledger, payment.payment_id) == "completed"
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("sold", 1)] * 2
    send(ledger, payment.refunded(30))

    assert purchase_status(ledger, payment.payment_id) == "refunded"
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("available", 0)] * 2
    assert ledger.rows(
        "SELECT DISTINCT i.status, i.sold_at, l.first_sold_at, l.sold_at"
        " FROM public.marketplace_purchase_items AS i JOIN public.leads AS l ON l.id = i.lead_id"
        " WHERE i.purchase_id = %s",
        payment.payment_id,
    ) == [("refunded", None, None, None)]
    again = checkout(ledger, new_id(), cart)
    send(ledger, again.completed())
    send(ledger, payment.dispute("funds_withdrawn"), payment.refunded(10))
    assert [lead_state(ledger, lead_id) for lead_id in cart] == [("sold", 1)] * 2


def test_a_dispute_takes_the_money_and_its_end_gives_it_back_or_not(ledger: Ledger) -> None:
    sellers, payment, kept = shop(ledger)

    send(ledger, payment.completed())
    assert done(take(ledger, payment.dispute("created")))["effect"] == "ignored"
    assert balances(ledger, sellers, kept) == STEPS[0]
    send(ledger, payment.dispute("funds_withdrawn", 1010))
    assert balances(ledger, sellers, kept) == STEPS[1010]
    send(ledger, payment.refunded(1000))
    assert balances(ledger, sellers, kept) == (0, 97, 3)
    send(ledger, payment.dispute("funds_reinstated", 1010))
    assert balances(ledger, sellers, kept) == STEPS[1000]
    send(ledger, payment.dispute("closed", 1010, status="won"))

    assert balances(ledger, sellers, kept) == STEPS[1000]
    assert purchase_status(ledger, payment.payment_id) == "completed"
    assert ledger.rows(
        "SELECT DISTINCT t.verb, t.corrects IS NOT NULL FROM bursar.transaction AS t"
        " WHERE t.reason = 'card payment ' || %s ORDER BY 1",
        payment.payment_id,
    ) == [("reinstate_card_payment", True), ("reverse_card_payment", True)]


@pytest.mark.parametrize(
    "kinds",
    [
        ("withdrawn", "lost"),
        ("withdrawn", "won", "reinstated"),
        ("withdrawn", "reinstated", "lost"),
        ("lost",),
    ],
)
def test_the_end_of_a_dispute_does_not_depend_on_the_order_of_its_events(
    ledger: Ledger, kinds: tuple[str, ...]
) -> None:
    """What was lost stays lost: what is reinstated then is what had been refunded before."""
    for order in itertools.permutations(("completed", *kinds)):
        seller = new_id()
        [lead_id] = leads(ledger.admin, [10], seller=seller)
        payment = checkout(ledger, new_id(), [lead_id])
        made = {
            "completed": payment.completed(),
            "withdrawn": payment.dispute("funds_withdrawn"),
            "reinstated": payment.dispute("funds_reinstated"),
            "lost": payment.dispute("closed", status="lost"),
            "won": payment.dispute("closed", status="won"),
        }

        send(ledger, *(made[kind] for kind in order))

        lost = {"withdrawn", "lost"} <= set(kinds)
        assert purchase_status(ledger, payment.payment_id) == (
            "refunded" if lost else "completed"
        ), order
        assert lead_state(ledger, lead_id) == (("available", 0) if lost else ("sold", 1)), order
        assert totals(ledger, seller) == ((0, 0, 0, 0) if lost else (10, 0, 10, 0)), order


def test_several_disputes_and_a_refund_never_take_more_than_was_paid(ledger: Ledger) -> None:
    sellers, payment, kept = shop(ledger)
    first, second = (payment.dispute("funds_withdrawn", 2000) for _ in range(2))
    second["data"]["object"]["id"] = "dp_second"

    send(ledger, payment.completed(), first, second, payment.refunded(1000))

    assert balances(ledger, sellers, kept) == (0, 0, 0)
    assert reversed_so_far(ledger, payment) == 301


def test_what_a_seller_no_longer_has_becomes_debt_and_is_repaid_first(ledger: Ledger) -> None:
    seller = new_id()
    payment = checkout(ledger, new_id(), leads(ledger.admin, [100], seller=seller))
    send(ledger, payment.completed())
    done(ledger.one("spend", owner_id=seller, asset=ASSET, amount=70))

    send(ledger, payment.dispute("funds_withdrawn"))
    assert ledger.wallet(seller, ASSET) == (0, 0, 70)
    assert totals(ledger, seller) == (0, 0, 70, 70)
    done(ledger.one("grant", owner_id=seller, asset=ASSET, amount=50))
    assert ledger.wallet(seller, ASSET) == (0, 0, 20)
    send(ledger, payment.dispute("funds_reinstated"))

    assert ledger.wallet(seller, ASSET) == (80, 0, 0)
    # Earned 100 twice, 70 of it for good, and 50; used 70 and what repaid the debt.
    assert totals(ledger, seller) == (80, 0, 220, 140)


def test_a_frozen_seller_is_paid_and_gives_back(ledger: Ledger) -> None:
    seller = ledger.funded(5, ASSET)
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10], seller=seller))
    done(ledger.one("freeze", owner_id=seller, asset=ASSET, wallet_status="frozen"))

    send(ledger, payment.completed())
    assert ledger.wallet(seller, ASSET) == (15, 0, 0)
    send(ledger, payment.refunded(10))
    assert ledger.wallet(seller, ASSET) == (5, 0, 0)


def test_a_platform_that_keeps_everything_pays_nobody(ledger: Ledger) -> None:
    configure(ledger.admin, fee_basis_points=10_000)
    seller, kept = new_id(), fees_kept(ledger)
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10], seller=seller))

    send(ledger, payment.completed())
    assert (totals(ledger, seller)[0], fees_kept(ledger) - kept) == (0, 10)
    send(ledger, payment.refunded(4))

    assert (totals(ledger, seller)[0], fees_kept(ledger) - kept) == (0, 6)


def test_a_top_up_is_purchased_and_charged_back_like_any_other_payment(ledger: Ledger) -> None:
    configure(ledger.admin, card_unit_amount=25)
    workspace = new_id()

    payment = topped_up(ledger, workspace, 40)
    assert (payment.amount, totals(ledger, workspace)) == (1000, (40, 40, 0, 0))
    done(ledger.one("spend", owner_id=workspace, asset=ASSET, amount=30))
    send(ledger, payment.refunded(249))
    assert totals(ledger, workspace) == (1, 31, 0, 30)
    send(ledger, payment.dispute("funds_withdrawn", 500))
    assert ledger.wallet(workspace, ASSET) == (0, 0, 19)
    send(ledger, payment.dispute("funds_reinstated", 500))
    assert ledger.wallet(workspace, ASSET) == (1, 0, 0)
    send(ledger, payment.refunded(1000))

    assert ledger.wallet(workspace, ASSET) == (0, 0, 30)
    assert reversed_so_far(ledger, payment) == 40
    balance, purchased, earned, used = totals(ledger, workspace)
    assert balance == purchased + earned - used == 0


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
