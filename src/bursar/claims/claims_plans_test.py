"""Plans that a session made while the shop was new do not read whole tables once it is not."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from tests.grown import tell_what_was_read
from tests.ledger_in_sql import Ledger, done
from tests.sale import BOOSTER, SHIELD, Event, Sale, new_user, transfer
from tests.shop import SERVICE, claimed, request_of, sold, switch, take

pytestmark = pytest.mark.postgres_versions("15", "18")

TABLES = (
    "audit_purchases",
    "purchase_claims",
    "user_wallet_balances",
    "booster_changes",
    "purchase_transfers",
    "claims_over_cap",
    "claim_queue",
    "user_time_zones",
    "inbox",
)
MANY = 2000
# The rows that one call may read of one index; there are so many rows of others.
FEW = 200

GROW = """
INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, owners)
    SELECT 'grown ' || n, 'grown ' || n, 'consumable_streakshield_1', 'x', ARRAY['grown ' || n]
    FROM generate_series(1, {many}) AS n;
INSERT INTO public.purchase_claims (tx_id, user_id, sku)
    SELECT 'grown ' || n, 'grown ' || n, 'consumable_streakshield_1'
    FROM generate_series(1, {many}) AS n;
INSERT INTO public.user_wallet_balances (user_id, xp_booster_until)
    SELECT 'grown ' || n, now() FROM generate_series(1, {many}) AS n;
INSERT INTO public.user_time_zones SELECT 'grown ' || n, 'UTC' FROM generate_series(1, {many}) n;
INSERT INTO public.purchase_transfers
    SELECT 'grown ' || n, 'PRODUCTION', 'grown ' || n, 'to ' || n, '{{}}', now()
    FROM generate_series(1, {many}) AS n;
INSERT INTO public.claims_over_cap (tx_id, user_id, sku, cap, first_at, last_at)
    SELECT 'grown ' || n, 'grown ' || n, 'x', 'x', now(), now() FROM generate_series(1, {many}) n;
INSERT INTO public.claim_queue (user_id, sku, tx_id, waits_for, actor, received_at)
    SELECT 'grown ' || n, 'x', 'grown ' || n, 'purchase', 'x', now()
    FROM generate_series(1, {many}) AS n;
INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload, occurred_at,
        received_at, status)
    SELECT 'revenuecat', 'app1a2b3c4d5e', 'live', 'grown ' || n, 'NON_RENEWING_PURCHASE',
        'APP_STORE PRODUCTION grown ' || n, '{{}}', now(), now(), 'waiting'
    FROM generate_series(1, {many}) AS n;
"""


def read_so_far(ledger: Ledger, session: psycopg.Connection) -> dict[str, int]:
    """The entries read so far of every index of the shop, and the rows of tables without one."""
    tell_what_was_read(ledger, session)
    return dict(
        ledger.rows(
            "SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes"
            " WHERE relname = ANY (%s) UNION ALL"
            " SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY (%s)",
            list(TABLES),
            list(TABLES),
        )
    )


@pytest.fixture
def young(ledger: Ledger) -> Iterator[psycopg.Connection]:
    """A session of its own, on a shop whose tables have a row or two each."""
    ledger.admin.execute("SET session_replication_role = replica")
    for table in TABLES:
        schema = "bursar" if table == "inbox" else "public"
        ledger.admin.execute(f"DELETE FROM {schema}.{table}".encode())
    ledger.admin.execute("SET session_replication_role = origin")
    switch(ledger, unknown_transaction="pending")
    with psycopg.connect(ledger.database.url, autocommit=True) as session:
        event = claimed(ledger).purchase()
        done(ledger.one("claim_purchase", session, **request_of(Sale())))
        done(take(ledger, transfer([event["app_user_id"]], [new_user()])))
        for table in TABLES:
            schema = "bursar" if table == "inbox" else "public"
            ledger.admin.execute(f"VACUUM ANALYZE {schema}.{table}".encode())
        yield session
    switch(ledger, unknown_transaction="refuse")


def assert_reads_little(
    ledger: Ledger,
    session: psycopg.Connection,
    verb: str,
    calls: Sequence[Sequence[dict[str, Any]]],
) -> None:
    """Make plans by the first calls, let the shop grow, and look at what the last call reads."""
    for requests in calls[:-2]:
        assert all(done(outcome) for outcome in ledger.ask(verb, requests, session))
    ledger.admin.execute(GROW.format(many=MANY).encode())
    assert all(done(outcome) for outcome in ledger.ask(verb, calls[-2], session))
    before = read_so_far(ledger, session)

    assert all(done(outcome) for outcome in ledger.ask(verb, calls[-1], session))

    after = read_so_far(ledger, session)
    much = {name: after[name] - before[name] for name in after if after[name] - before[name] > FEW}
    assert much == {}


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("sku", [SHIELD, BOOSTER])
def test_claims(ledger: Ledger, young: psycopg.Connection, size: int, sku: str) -> None:
    calls = [[request_of(sold(ledger, sku=sku)) for _ in range(size)] for _ in range(8)]
    # Also claims that wait, so that these plans are made as well.
    calls = [[*call, request_of(Sale())] for call in calls]

    assert_reads_little(ledger, young, "claim_purchase", calls)


def event_calls(ledger: Ledger, size: int) -> Iterator[list[Event]]:
    for _ in range(8):
        sales = [claimed(ledger, sku=BOOSTER) for _ in range(size)]
        waiting = Sale()
        done(ledger.one("claim_purchase", **request_of(waiting)))
        yield [
            *(sale.refund() for sale in sales),
            *(Sale().purchase() for _ in range(size)),
            waiting.purchase(),
        ]


@pytest.mark.parametrize("size", [1, 3])
def test_store_events(ledger: Ledger, young: psycopg.Connection, size: int) -> None:
    calls = [[{"event": event} for event in events] for events in event_calls(ledger, size)]

    assert_reads_little(ledger, young, "take_store_event", calls)


def test_transfers(ledger: Ledger, young: psycopg.Connection) -> None:
    calls = [[{"event": transfer([sold(ledger).user_id], [new_user()])}] for _ in range(8)]

    assert_reads_little(ledger, young, "take_store_event", calls)


def test_uses(ledger: Ledger, young: psycopg.Connection) -> None:
    calls = [[{"user_id": claimed(ledger).user_id, "caller": SERVICE}] for _ in range(8)]

    assert_reads_little(ledger, young, "use_item", calls)
