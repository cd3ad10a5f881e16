"""No verb reads a table or an index whole that was small when the session planned."""

from collections.abc import Callable

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.grown import ROWS, rows_read
from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, Payment, leads, new_id

pytestmark = pytest.mark.postgres_versions("15", "18")

Ask = Callable[[psycopg.Connection, int], object]


def by_credits(ledger: Ledger) -> Ask:
    buyer = ledger.funded(10_000, ASSET)

    def ask(session: psycopg.Connection, n: int) -> None:
        bought = ledger.one(
            "complete_credit_lead_purchase",
            session,
            buyer_workspace_id=buyer,
            lead_ids=leads(ledger.admin, [1, 2, 3]),
            key=str(n),
        )
        purchase = done(bought)["purchase_id"]
        done(ledger.one("refund_lead_purchase", session, purchase_id=purchase))
        session.execute("SELECT bursar.read_lead_purchase(%s)", [purchase])

    return ask


def over_ones_own_reservation(ledger: Ledger) -> Ask:
    buyer = ledger.funded(10_000, ASSET)

    def ask(session: psycopg.Connection, n: int) -> None:
        cart = {"buyer_workspace_id": buyer, "lead_ids": leads(ledger.admin, [1, 2, 3])}
        for _ in range(2):
            done(ledger.one("validate_and_lock_leads_for_purchase", session, **cart))
        done(ledger.one("complete_credit_lead_purchase", session, **cart, key=str(n)))

    return ask


def in_batches(ledger: Ledger) -> Ask:
    buyers = [ledger.funded(10_000, ASSET) for _ in range(3)]

    def ask(session: psycopg.Connection, n: int) -> None:
        for verb in ("complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"):
            carts = [
                {"buyer_workspace_id": b, "lead_ids": leads(ledger.admin, [1, 2]), "key": str(n)}
                for b in buyers
            ]
            for outcome in ledger.ask(verb, carts, session):
                done(outcome)

    return ask


def by_card(ledger: Ledger) -> Ask:
    def ask(session: psycopg.Connection, n: int) -> None:
        for told in (False, True):
            reserved = ledger.one(
                "validate_and_lock_leads_for_purchase",
                session,
                buyer_workspace_id=new_id(),
                lead_ids=leads(ledger.admin, [1, 2, 3]),
            )
            payment = Payment(done(reserved)["payment_id"], 6)
            named = {"purchase_id": payment.payment_id}
            if told:
                named["payment_intent"] = payment.intent
                done(ledger.one("complete_stripe_lead_purchase", session, **named))
                done(ledger.one("mark_leads_sold_bulk", session, **named))
            for event in (
                payment.completed("unpaid"),
                payment.succeeded(),
                payment.dispute("funds_withdrawn", 3),
                payment.dispute("funds_reinstated", 3),
                payment.refunded(6),
            ):
                done(ledger.one("take_stripe_event", session, event=event))

    return ask


def around_sessions(ledger: Ledger) -> Ask:
    def ask(session: psycopg.Connection, n: int) -> None:
        for query in (
            "SELECT bursar.attach_card_session(%s, gen_random_uuid()::text, '2020-01-01')",
            "SELECT bursar.cancel_card_payment(%s, 'unreachable')",
        ):
            reserved = ledger.one(
                "validate_and_lock_leads_for_purchase",
                session,
                buyer_workspace_id=new_id(),
                lead_ids=leads(ledger.admin, [1, 2, 3]),
            )
            session.execute(query.encode(), [done(reserved)["payment_id"]])
        session.execute("SELECT bursar.expire_lead_reservations()")
        session.execute("SELECT bursar.lease_card_refunds()")
        session.execute("SELECT bursar.waiting_stripe_events()")
        opened = ledger.one("open_top_up", session, workspace_id=new_id(), credits=5, key=str(n))
        paid = Payment(done(opened)["payment_id"], 5).completed()
        done(ledger.one("take_stripe_event", session, event=paid))

    return ask


CARTS = (by_credits, over_ones_own_reservation, in_batches, by_card)


@pytest.mark.parametrize(
    ("scenario", "empty"),
    [(scenario, empty) for scenario in CARTS for empty in (False, True)]
    # What the worker asks is planned anew each time.
    + [(around_sessions, False)],
)
def test_what_is_read_does_not_grow_with_the_tables(
    database: ScratchDatabase, scenario: Callable[[Ledger], Ask], *, empty: bool
) -> None:
    ledger = Ledger(database)

    read = rows_read(ledger, scenario(ledger), empty=empty)

    assert {name: rows for name, rows in read.items() if rows > ROWS / 4} == {}
