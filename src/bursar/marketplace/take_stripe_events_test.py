"""Several events in one batch: each has its effect, whatever the others need or tell."""

import itertools

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import Payment, checkout, leads, new_id, totals

pytestmark = pytest.mark.postgres_versions("15", "18")

VERB = "take_stripe_event"


def ready(ledger: Ledger, *prices: int, seller: str = "") -> tuple[Payment, list[str]]:
    """A payment for new leads that is about to come, and the leads."""
    cart = leads(ledger.admin, prices or [10], seller=seller)
    return checkout(ledger, new_id(), cart), cart


def test_payments_of_sellers_without_wallets_are_settled_together(ledger: Ledger) -> None:
    sellers = [new_id() for _ in range(12)]
    payments = [ready(ledger, 10, seller=seller)[0] for seller in sellers]

    outcomes = ledger.ask(VERB, [{"event": payment.completed()} for payment in payments])

    assert [done(outcome)["purchase_status"] for outcome in outcomes] == ["completed"] * 12
    assert [totals(ledger, seller)[0] for seller in sellers] == [10] * 12


def test_an_event_that_is_there_twice_has_one_effect(ledger: Ledger) -> None:
    seller = new_id()
    paid = ready(ledger, 10, seller=seller)[0].completed()

    outcomes = ledger.ask(VERB, [{"event": paid}, {"event": {}}, {"event": paid}])

    assert outcomes[2] == done(outcomes[0]) | {"replayed": True}
    assert code(outcomes[1]) == "MALFORMED"
    assert totals(ledger, seller)[0] == 10


def test_each_event_has_its_own_actor(ledger: Ledger) -> None:
    payments = [ready(ledger)[0] for _ in range(2)]
    actors = ("stripe", "operator:ada")

    for outcome in ledger.ask(
        VERB,
        [
            {"event": payments[0].completed()},
            {"event": payments[1].completed(), "actor": actors[1]},
        ],
    ):
        done(outcome)

    for payment, actor in zip(payments, actors, strict=True):
        assert ledger.rows(
            "SELECT actor FROM bursar.transaction WHERE reason = 'leads of purchase ' || %s",
            payment.payment_id,
        ) == [(actor,)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_in_one_batch_too_the_order_of_events_does_not_matter(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    """A dispute names a payment intent, and another event of the batch whose it is."""
    seller = new_id()
    payment, _ = ready(ledger, 10, 20, seller=seller)
    events = [payment.completed(), payment.dispute("funds_withdrawn", 12), payment.refunded(6)]

    outcomes = ledger.ask("take_stripe_event", [{"event": events[n]} for n in order])

    assert [done(outcome)["replayed"] for outcome in outcomes] == [False] * 3
    assert totals(ledger, seller) == (12, 0, 12, 0)
    assert ledger.rows(
        "SELECT refunded, disputed, reversed FROM public.card_payments WHERE id = %s",
        payment.payment_id,
    ) == [(6, 12, 18)]


@pytest.mark.parametrize("what", ["leads", "marketplace_purchases", "card_payments"])
def test_of_a_batch_only_the_events_whose_lead_is_held_are_busy(ledger: Ledger, what: str) -> None:
    payments = [ready(ledger) for _ in range(3)]
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    held = payments[1][1][0] if what == "leads" else payments[1][0].payment_id

    with ledger.held_by_somebody(
        "SELECT FROM public.leads WHERE id = %s FOR UPDATE"
        if what == "leads"
        else "SELECT FROM public.marketplace_purchases WHERE id = %s FOR UPDATE"
        if what == "marketplace_purchases"
        else "SELECT FROM public.card_payments WHERE id = %s FOR UPDATE",
        held,
    ):
        outcomes = ledger.ask(
            "take_stripe_event",
            [{"event": payment.completed()} for payment, _ in payments],
            impatient,
        )

    assert [o.get("code", o.get("purchase_status")) for o in outcomes] == [
        "completed",
        "BUSY",
        "completed",
    ]


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
