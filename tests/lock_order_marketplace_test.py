"""A batch locks what all of it needs in one order, also where its parts follow step by step.

Each test has the last of the locks held by somebody, and looks whether the batch that waits for it
holds the first one already: then two batches would wait for each other.
"""

import threading
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, Outcome, done
from tests.market import ASSET, buy, lead, leads, new_id, reserve
from tests.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.postgres_versions("15", "18")

CREDITS, CARD = "complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"
LEAD: LiteralString = "SELECT FROM public.leads WHERE id = %s FOR UPDATE"
WALLET: LiteralString = "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE"


def waiting_batch(
    ledger: Ledger,
    verb: str,
    requests: list[dict[str, object]],
    held: tuple[LiteralString, str],
    look: Callable[[psycopg.Connection], None],
) -> list[Outcome]:
    """Send a batch while somebody holds what it needs; `look` once it waits; then let go."""
    outcomes: list[Outcome] = []
    patient = ledger.database.connect("service_role")
    patient.execute("SET lock_timeout = '60s'")
    with ledger.held_by_somebody(*held) as somebody:
        asking = threading.Thread(
            target=lambda: outcomes.extend(ledger.ask(verb, requests, patient))
        )
        asking.start()
        wait_until(lambda: ledger.is_blocked(patient))
        with ledger.database.connect(autocommit=False) as looker:
            look(looker)
            looker.rollback()
        somebody.rollback()
        asking.join(PATIENCE_SECONDS)
    return outcomes


def free(query: LiteralString, name: str) -> Callable[[psycopg.Connection], None]:
    """Look whether a row is locked by nobody; raises when it is."""

    def look(connection: psycopg.Connection) -> None:
        connection.execute("SET LOCAL lock_timeout = '50ms'")
        connection.execute(query, [name])

    return look


@pytest.mark.parametrize("verb", [CREDITS, CARD])
def test_carts_that_share_a_lead_lock_all_leads_in_order(ledger: Ledger, verb: str) -> None:
    first, last = sorted(leads(ledger.admin, [10, 10]))
    shared = lead(ledger.admin, 10, max_sales=2)
    carts: list[dict[str, object]] = [
        {"buyer_workspace_id": ledger.funded(100, ASSET), "lead_ids": sorted([shared, one])}
        for one in (last, first)
    ]

    outcomes = waiting_batch(ledger, verb, carts, (LEAD, first), free(LEAD, last))

    assert [done(outcome)["status"] for outcome in outcomes] == ["done", "done"]


def test_carts_of_buyers_with_reservations_lock_purchases_before_leads(ledger: Ledger) -> None:
    buyer, other = ledger.funded(100, ASSET), ledger.funded(100, ASSET)
    mine, plain = leads(ledger.admin, [10, 10])
    reserved = done(reserve(ledger, buyer, [mine]))["purchase_id"]
    shared = lead(ledger.admin, 10, max_sales=2)
    carts: list[dict[str, object]] = [
        {"buyer_workspace_id": other, "lead_ids": [plain, shared]},
        {"buyer_workspace_id": buyer, "lead_ids": [mine, shared]},
    ]
    held = ("SELECT FROM public.marketplace_purchases WHERE id = %s FOR UPDATE", reserved)

    outcomes = waiting_batch(ledger, CREDITS, carts, held, free(LEAD, plain))

    assert [done(outcome)["status"] for outcome in outcomes] == ["done", "done"]


def test_sellers_without_a_wallet_get_theirs_before_any_other_is_locked(ledger: Ledger) -> None:
    shared = lead(ledger.admin, 10, seller=ledger.funded(1, ASSET), max_sales=2)
    seller = new_id()
    carts: list[dict[str, object]] = [
        {"buyer_workspace_id": ledger.funded(100, ASSET), "lead_ids": cart}
        for cart in ([shared], [shared, lead(ledger.admin, 10, seller=seller)])
    ]
    held = ("INSERT INTO public.workspace_credits VALUES (%s, 0)", seller)

    outcomes = waiting_batch(
        ledger, CREDITS, carts, held, free(WALLET, str(carts[0]["buyer_workspace_id"]))
    )

    assert [done(outcome)["status"] for outcome in outcomes] == ["done", "done"]


def test_refunds_lock_all_leads_in_order(ledger: Ledger) -> None:
    first, last = sorted(leads(ledger.admin, [10, 10]))
    requests: list[dict[str, object]] = [
        {"purchase_id": done(buy(ledger, ledger.funded(10, ASSET), [one]))["purchase_id"]}
        for one in (last, first)
    ]

    outcomes = waiting_batch(
        ledger, "refund_lead_purchase", requests, (LEAD, first), free(LEAD, last)
    )

    assert [done(outcome)["purchase_status"] for outcome in outcomes] == ["refunded", "refunded"]
