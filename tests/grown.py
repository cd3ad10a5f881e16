"""What a statement reads that was planned while every table had a row or two, once they have grown.

A session keeps its plans. One that was made for a table of one page may read the whole index, since
then that costs nothing; asked again when the table has grown, it still does.
"""

from collections.abc import Callable

import psycopg

from tests.ledger_in_sql import Ledger

ROWS = 2000
# Everything a request of the marketplace looks into, with strangers' rows.
_GROWTH = """
CREATE TEMP TABLE fresh AS
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS lead, gen_random_uuid() AS workspace, n
    FROM generate_series(1, {rows}) AS n;
INSERT INTO public.leads (id, seller_workspace_id, price) SELECT lead, workspace, 1 FROM fresh;
INSERT INTO public.workspace_credits (workspace_id, balance) SELECT workspace, 1 FROM fresh;
INSERT INTO public.marketplace_purchases (id, buyer_workspace_id, status, total_price, fee,
    payment_method, actor, reserved_until, created_at)
SELECT id, workspace, 'pending', 1, 0, 'stripe', 'growth', 'infinity', now() FROM fresh;
INSERT INTO public.marketplace_purchase_items (purchase_id, lead_id, seller_workspace_id, price,
    fee, status, reserved_until)
SELECT id, lead, workspace, 1, 0, 'reserved', 'infinity' FROM fresh;
INSERT INTO public.card_payments (id, workspace_id, purchase_id, credits, amount, currency, mode,
    session_id, payment_intent, created_at)
SELECT id, workspace, id, 1, 1, 'usd', 'test', 'cs_' || id, 'pi_' || id, now() FROM fresh;
INSERT INTO public.card_payouts SELECT id, 1, workspace, 1, 0, n FROM fresh;
INSERT INTO public.card_refunds (payment_id, amount, reason, next_attempt_at, created_at)
SELECT id, 1, 'growth', 'infinity', now() FROM fresh;
INSERT INTO public.audit_logs (action, actor, workspace_id)
SELECT 'purchase_conflict', 'growth', workspace FROM fresh;
INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload, occurred_at,
    received_at, status)
SELECT 'stripe', 'default', 'test', 'evt_' || id, 'charge.refunded', id::text, '{{}}', now(), now(),
    'done' FROM fresh;
INSERT INTO bursar.idempotency SELECT uuid_send(id), '\\x01', '{{}}', now() FROM fresh;
DROP TABLE fresh;
"""


def rows_read(
    ledger: Ledger, ask: Callable[[psycopg.Connection, int], object], *, empty: bool = False
) -> dict[str, int]:
    """How many rows of each table were read by a call of `ask`, as far as any were.

    `ask` is called with a connection and the number of the call: 0 fills the tables, unless they
    are to be `empty`; 1 makes the plans, then the tables grow, 2 lets the session see that they
    did, 3 is measured.
    """
    # A temporary table may bring a schema with it, and with a new schema every session plans anew.
    ledger.admin.execute("CREATE TEMP TABLE early AS SELECT 1 AS n")
    if not empty:
        ask(ledger.admin, 0)
    ledger.admin.execute("VACUUM ANALYZE")
    with psycopg.connect(ledger.database.url, autocommit=True) as session:
        ask(session, 1)
        ledger.admin.execute(_GROWTH.format(rows=ROWS).encode())
        ask(session, 2)
        before = read_so_far(ledger, session)
        ask(session, 3)
        after = read_so_far(ledger, session)
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}


def read_so_far(ledger: Ledger, session: psycopg.Connection) -> dict[str, int]:
    """The rows read so far of each table, by its indexes and without."""
    tell_what_was_read(ledger, session)
    return dict(
        ledger.rows(
            "SELECT t.relname, (t.seq_tup_read + coalesce(sum(i.idx_tup_read), 0))::bigint"
            " FROM pg_stat_user_tables AS t LEFT JOIN pg_stat_user_indexes AS i USING (relid)"
            " GROUP BY t.relid, t.relname, t.seq_tup_read"
        )
    )


def tell_what_was_read(ledger: Ledger, session: psycopg.Connection) -> None:
    """Have every session of the test count what it read now, and not at some later moment.

    Whoever prepared the test may have read much, and would be counted while it is measured.
    """
    for connection in (session, ledger.caller, ledger.admin):
        connection.execute("SELECT pg_stat_force_next_flush()")
    ledger.admin.execute("SELECT pg_stat_clear_snapshot()")
