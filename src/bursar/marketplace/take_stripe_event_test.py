"""An event of Stripe: kept once, matched with its payment, answered with what it came to."""

from typing import Any

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    Event,
    Payment,
    checkout,
    emptied,
    event,
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


def inbox(ledger: Ledger, event_id: str) -> tuple[str, str | None, int, str | None]:
    """Where an event stands, what it is about, how often it came, and the code of its refusal."""
    [row] = ledger.rows(
        "SELECT status, subject, deliveries, outcome ->> 'code' FROM bursar.inbox"
        " WHERE event_id = %s",
        event_id,
    )
    return row


def ready(ledger: Ledger, *prices: int, seller: str = "") -> tuple[Payment, list[str]]:
    """A payment for new leads that is about to come, and the leads."""
    cart = leads(ledger.admin, prices or [10], seller=seller)
    return checkout(ledger, new_id(), cart), cart


def test_a_payment_sells_what_was_reserved_pays_the_seller_and_is_kept(ledger: Ledger) -> None:
    seller = new_id()
    payment, [lead_id] = ready(ledger, 10, seller=seller)
    paid = payment.completed()

    outcome = done(take(ledger, paid))

    assert outcome == {
        "status": "done",
        "verb": "take_stripe_event",
        "event_id": paid["id"],
        "type": "checkout.session.completed",
        "effect": "applied",
        "payment_id": payment.payment_id,
        "purchase_id": payment.payment_id,
        "payment_status": "paid",
        "purchase_status": "completed",
        "replayed": False,
    }
    assert inbox(ledger, paid["id"]) == ("done", payment.payment_id, 1, None)
    [(transaction_id,)] = ledger.rows(
        "SELECT transaction_id FROM public.marketplace_purchase_items WHERE purchase_id = %s"
        " AND status = 'sold' AND sold_at IS NOT NULL AND reserved_until IS NULL",
        payment.payment_id,
    )
    assert ledger.entries(transaction_id) == [
        (ASSET, seller, 10, "earned"),
        (ASSET, "system:external", -10, "earned"),
    ]
    assert ledger.rows(
        "SELECT payment_intent, session_id, paid_at IS NOT NULL, owed FROM public.card_payments"
        " WHERE id = %s",
        payment.payment_id,
    ) == [(payment.intent, payment.session_id, True, 0)]
    assert ledger.rows(
        "SELECT status, reserved_until, completed_at >= created_at, transaction_id"
        " FROM public.marketplace_purchases WHERE id = %s",
        payment.payment_id,
    ) == [("completed", None, True, None)]
    assert lead_state(ledger, lead_id) == ("sold", 1)
    assert totals(ledger, seller) == (10, 0, 10, 0)


def test_a_known_event_is_answered_again_and_another_one_with_its_content_changes_nothing(
    ledger: Ledger,
) -> None:
    payment, _ = ready(ledger)
    paid, ignored = payment.completed(), event("customer.created", {"id": "cus_1"})
    first, nothing = done(take(ledger, paid)), done(take(ledger, ignored))
    before = digest(ledger.admin)

    assert take(ledger, paid) == first | {"replayed": True}
    assert take(ledger, paid | {"created": 1}) == first | {"replayed": True}
    assert take(ledger, ignored) == nothing | {"replayed": True}
    assert inbox(ledger, paid["id"])[2] == 3
    assert nothing["effect"] == "ignored"
    same = take(ledger, paid | {"id": f"evt_{new_id()}"})

    assert same == first | {"event_id": same["event_id"]}
    after = digest(ledger.admin)
    assert [name for name in after if after[name] != before[name]] == ["bursar.inbox"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("event.id", {"id": None}),
        ("event.id", {"id": 5}),
        ("event.id", {"id": ""}),
        ("event.id", {"id": "e" * 256}),
        ("event.type", {"type": None}),
        ("event.type", {"type": "t" * 101}),
        ("event.created", {"created": None}),
        ("event.created", {"created": "1"}),
        ("event.created", {"created": 1.5}),
        ("event.created", {"created": 10**15}),
        ("event.data.object", {"data": None}),
        ("event.data.object", {"data": {"object": []}}),
    ],
)
def test_what_is_no_event_is_refused_by_the_name_of_its_field(
    ledger: Ledger, field: str, wrong: Event
) -> None:
    payment, _ = ready(ledger)
    good = payment.completed()

    outcomes = ledger.ask("take_stripe_event", [{"event": good | wrong}, {"event": good}])

    assert code(outcomes[0]) == "MALFORMED"
    assert outcomes[0]["details"] == {"field": field}
    assert done(outcomes[1])["purchase_status"] == "completed"


def test_requests_without_an_event_are_refused(ledger: Ledger) -> None:
    for outcome in ledger.ask("take_stripe_event", [5, {}, [], {"event": None}, {"event": "x"}]):
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": "event.id"})


def test_an_event_of_nobodys_payment_is_kept_as_unmatched(ledger: Ledger) -> None:
    stranger = Payment(new_id(), 10)
    somebody_elses = stranger.session("completed", client_reference_id="order 5", metadata={})

    for happened in (stranger.completed(), somebody_elses, stranger.dispute("funds_withdrawn")):
        outcome = done(take(ledger, happened))
        assert (outcome["effect"], outcome["payment_id"]) == ("unmatched", None)
        assert inbox(ledger, happened["id"])[0] == "done"


def test_a_dispute_that_comes_before_its_payment_is_known_counts_afterwards(ledger: Ledger) -> None:
    seller = new_id()
    payment, [lead_id] = ready(ledger, 10, seller=seller)
    withdrawn, lost = payment.dispute("funds_withdrawn"), payment.dispute("closed", status="lost")

    early = [done(take(ledger, happened)) for happened in (withdrawn, lost)]
    outcome = done(take(ledger, payment.completed()))

    assert [o["effect"] for o in early] == ["unmatched"] * 2
    assert (outcome["payment_status"], outcome["purchase_status"]) == ("refunded", "refunded")
    assert totals(ledger, seller) == (0, 0, 0, 0)
    assert lead_state(ledger, lead_id) == ("available", 0)


def test_events_of_the_other_mode_are_none_of_the_payments(ledger: Ledger) -> None:
    payment, [lead_id] = ready(ledger)
    live = checkout(ledger, new_id(), leads(ledger.admin, [5]), mode="live")

    wrong = [
        done(take(ledger, payment.completed() | {"livemode": True})),
        done(take(ledger, live.completed())),
    ]
    # An id is known in the mode in which it came.
    right = live.completed() | {"livemode": True, "id": wrong[1]["event_id"]}

    assert [outcome["effect"] for outcome in wrong] == ["unmatched"] * 2
    assert purchase_status(ledger, payment.payment_id) == "pending"
    assert lead_state(ledger, lead_id) == ("reserved", 0)
    assert done(take(ledger, right))["purchase_status"] == "completed"


@pytest.mark.parametrize("wrong", [{"amount_total": 9}, {"currency": "eur"}, {"amount_total": "x"}])
def test_another_amount_or_currency_than_was_asked_for_pays_nothing(
    ledger: Ledger, wrong: dict[str, Any]
) -> None:
    payment, [lead_id] = ready(ledger)

    mismatched = done(take(ledger, payment.session("completed", **wrong)))

    assert (mismatched["effect"], mismatched["payment_status"]) == ("mismatched", "pending")
    assert lead_state(ledger, lead_id) == ("reserved", 0)
    assert done(take(ledger, payment.completed()))["purchase_status"] == "completed"


def test_a_payment_intent_that_is_another_payments_stays_its_own(ledger: Ledger) -> None:
    payment, _ = ready(ledger)
    other, _ = ready(ledger)
    done(take(ledger, payment.completed()))
    other.intent, other.session_id = payment.intent, payment.session_id

    assert done(take(ledger, other.completed()))["purchase_status"] == "completed"

    assert ledger.rows(
        "SELECT id::text FROM public.card_payments WHERE payment_intent = %s", payment.intent
    ) == [(payment.payment_id,)]


def test_of_several_reasons_to_refuse_the_first_is_told_and_busy_keeps_nothing(
    ledger: Ledger,
) -> None:
    seller = emptied(ledger)
    payment, [lead_id] = ready(ledger, 10, seller=seller)
    set_wallet(ledger, seller, "closed")
    paid = payment.completed()
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(take(ledger, paid | {"id": None})) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(take(ledger, paid | {"id": None})) == "MALFORMED"
    for query in (
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE",
        "SELECT FROM public.leads WHERE seller_workspace_id = %s FOR UPDATE",
    ):
        with ledger.held_by_somebody(query, seller):
            assert code(ledger.one("take_stripe_event", impatient, event=paid)) == "BUSY"
    assert ledger.value("SELECT count(*) FROM bursar.inbox WHERE event_id = %s", paid["id"]) == 0
    refused = take(ledger, paid)
    assert code(refused) == "WALLET_CLOSED"
    assert refused["details"] == {"event_id": paid["id"], "payment_id": payment.payment_id}
    assert lead_state(ledger, lead_id) == ("reserved", 0)


def test_an_event_that_was_refused_is_kept_and_has_its_effect_when_it_comes_again(
    ledger: Ledger,
) -> None:
    seller = emptied(ledger)
    payment, [lead_id] = ready(ledger, 10, seller=seller)
    set_wallet(ledger, seller, "closed")
    paid = payment.completed()
    before = digest(ledger.admin)

    assert code(take(ledger, paid)) == "WALLET_CLOSED"
    after = digest(ledger.admin)
    assert {name for name in after if after[name] != before[name]} == {
        "bursar.inbox",
        "public.card_payments",  # whose intent is known by now
    }
    assert inbox(ledger, paid["id"]) == ("refused", payment.payment_id, 1, "WALLET_CLOSED")
    assert take(ledger, paid)["replayed"] is False
    set_wallet(ledger, seller, "open")

    assert done(take(ledger, paid))["purchase_status"] == "completed"
    assert inbox(ledger, paid["id"]) == ("done", payment.payment_id, 3, None)
    assert lead_state(ledger, lead_id) == ("sold", 1)


def test_two_sessions_with_one_event_have_one_effect(ledger: Ledger) -> None:
    seller = new_id()
    payment, _ = ready(ledger, 10, seller=seller)
    paid = payment.completed()
    first, second = (ledger.database.connect("service_role", autocommit=False) for _ in range(2))
    second.execute("SET lock_timeout = '20ms'")
    second.commit()

    outcome: Outcome = ledger.one("take_stripe_event", first, event=paid)
    assert code(ledger.one("take_stripe_event", second, event=paid)) == "BUSY"
    first.commit()

    assert ledger.one("take_stripe_event", second, event=paid) == outcome | {"replayed": True}
    second.rollback()
    assert totals(ledger, seller)[0] == 10


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
