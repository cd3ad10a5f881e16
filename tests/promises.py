"""The ledger's promises as SQL: each query finds what breaks one. Run as a superuser, at rest.

P9 and P10 speak of items sold and of answers given, so their tests know more than these tables do;
what the tables can say of them is here too.
"""

from dataclasses import dataclass

import psycopg

from tests.promises_of_jobs import CHECKS_OF_JOBS


@dataclass(frozen=True, slots=True)
class Check:
    """A promise, and a query whose rows are exceptions to it."""

    promise: str
    sentence: str
    query: str


CHECKS: tuple[Check, ...] = (
    Check(
        "P1",
        "the entries of every transaction sum to 0 per asset",
        """
        SELECT transaction_id, asset, sum(amount) FROM bursar.entry
        GROUP BY transaction_id, asset HAVING sum(amount) <> 0
        """,
    ),
    Check(
        "P1",
        "all entries sum to 0 per asset",
        "SELECT asset, sum(amount) FROM bursar.entry GROUP BY asset HAVING sum(amount) <> 0",
    ),
    Check(
        "P1",
        "every entry has a transaction",
        """
        SELECT e.transaction_id FROM bursar.entry AS e
        LEFT JOIN bursar.transaction AS t ON t.id = e.transaction_id WHERE t.id IS NULL
        """,
    ),
    Check(
        "P2",
        "a wallet's balance is the sum of its entries, its sequence the last of theirs",
        """
        SELECT b.asset, b.owner_id, b.balance, e.total, b.seq, e.last_seq
        FROM bursar.balance AS b
        LEFT JOIN (
            SELECT asset, owner_id, sum(amount) AS total, max(seq) AS last_seq
            FROM bursar.entry WHERE seq IS NOT NULL GROUP BY asset, owner_id
        ) AS e USING (asset, owner_id)
        WHERE b.balance <> coalesce(e.total, 0) OR b.seq <> coalesce(e.last_seq, 0)
        """,
    ),
    Check(
        "P2",
        "whoever has entries that sum to something has a wallet",
        """
        SELECT e.asset, e.owner_id FROM bursar.entry AS e
        LEFT JOIN bursar.balance AS b USING (asset, owner_id)
        WHERE e.seq IS NOT NULL AND b.owner_id IS NULL
        GROUP BY e.asset, e.owner_id HAVING sum(e.amount) <> 0
        """,
    ),
    Check(
        "P2",
        "sequence and balance_after have no gaps",
        """
        SELECT asset, owner_id, seq, balance_after FROM (
            SELECT *, row_number() OVER wallet AS place, sum(amount) OVER wallet AS running
            FROM bursar.entry WHERE seq IS NOT NULL
            WINDOW wallet AS (PARTITION BY asset, owner_id ORDER BY seq)
        ) AS e WHERE seq <> place OR balance_after <> running
        """,
    ),
    Check(
        "P2",
        "a workspace's totals make up its balance",
        """
        SELECT workspace_id, balance FROM public.workspace_credits
        WHERE balance <> total_purchased + total_earned - total_used
        """,
    ),
    Check(
        "P3",
        "no balance is negative, and what is held is covered",
        """
        SELECT asset, owner_id, balance, held FROM bursar.balance
        WHERE balance < 0 OR held < 0 OR held > balance
        """,
    ),
    Check(
        "P3",
        "no balance was negative at any time",
        "SELECT asset, owner_id, seq, balance_after FROM bursar.entry WHERE balance_after < 0",
    ),
    Check(
        "P3",
        "what a wallet holds is what its open holds have left",
        """
        SELECT b.asset, b.owner_id, b.held, h.open FROM bursar.balance AS b
        LEFT JOIN (
            SELECT asset, owner_id, sum(amount - captured - released - expired) AS open
            FROM bursar.hold WHERE status = 'open' GROUP BY asset, owner_id
        ) AS h USING (asset, owner_id)
        WHERE b.held <> coalesce(h.open, 0)
        """,
    ),
    Check(
        "P4",
        "no two keys claim one transaction",
        """
        SELECT outcome ->> 'transaction_id' FROM bursar.idempotency
        WHERE outcome::jsonb ? 'transaction_id' GROUP BY 1 HAVING count(*) > 1
        """,
    ),
    Check(
        "P4",
        "what a key remembers as done was done",
        """
        SELECT i.outcome FROM bursar.idempotency AS i
        LEFT JOIN bursar.transaction AS t ON t.id = (i.outcome ->> 'transaction_id')::bigint
        WHERE i.outcome ->> 'status' = 'done' AND t.id IS NULL
            -- These promise a payment, and move nothing until it comes.
            AND i.outcome ->> 'verb'
                NOT IN ('validate_and_lock_leads_for_purchase', 'open_top_up')
        """,
    ),
    Check(
        "P5",
        "what a key remembers as refused moved nothing",
        """
        SELECT outcome FROM bursar.idempotency
        WHERE outcome ->> 'status' = 'refused' AND outcome::jsonb ? 'transaction_id'
        """,
    ),
    Check(
        "P6",
        "the guards on entries, transactions and external references are on",
        """
        SELECT wanted.name FROM unnest(ARRAY['entry', 'transaction', 'external_reference'])
            AS wanted (name)
        LEFT JOIN pg_trigger AS g ON g.tgrelid = ('bursar.' || quote_ident(wanted.name))::regclass
            AND g.tgname = 'append_only' AND g.tgenabled IN ('O', 'A')
        WHERE g.oid IS NULL
        """,
    ),
    Check(
        "P7",
        "captured, released and expired make up an ended hold",
        """
        SELECT id FROM bursar.hold WHERE captured + released + expired > amount
            OR (status <> 'open') <> (captured + released + expired = amount)
            OR (status <> 'open') <> (ended_at IS NOT NULL)
        """,
    ),
    Check(
        "P7",
        "refunds never exceed what they correct",
        """
        SELECT p.id, p.amount, sum(r.amount) FROM bursar.transaction AS r
        JOIN bursar.transaction AS p ON p.id = r.corrects
        WHERE r.verb = 'refund' GROUP BY p.id, p.amount HAVING sum(r.amount) > p.amount
        """,
    ),
    Check(
        "P8",
        "an external id has one transaction, and no other has it",
        """
        SELECT transaction_id FROM bursar.external_reference
        GROUP BY transaction_id HAVING count(*) > 1
        UNION ALL
        SELECT x.transaction_id FROM bursar.external_reference AS x
        LEFT JOIN bursar.transaction AS t ON t.id = x.transaction_id WHERE t.id IS NULL
        """,
    ),
    Check(
        "P8",
        "a card payment is settled at most once, for each payee",
        """
        SELECT t.id FROM bursar.transaction AS t
        LEFT JOIN public.card_payouts AS o ON o.transaction_id = t.id
        WHERE t.verb IN ('complete_stripe_lead_purchase', 'top_up_workspace_credits')
        GROUP BY t.id HAVING count(o.payment_id) <> 1
        UNION ALL
        SELECT min(transaction_id) FROM public.card_payouts
        GROUP BY payment_id, workspace_id HAVING count(*) > 1
        """,
    ),
    Check(
        "P8",
        "a card payment pays no more than it came to, and takes no more back",
        """
        SELECT p.id, p.credits, o.credits, p.reversed FROM public.card_payments AS p
        LEFT JOIN (SELECT payment_id, sum(credits) AS credits FROM public.card_payouts
            GROUP BY payment_id) AS o ON o.payment_id = p.id
        WHERE coalesce(o.credits, 0) > p.credits
            OR p.reversed NOT BETWEEN 0 AND coalesce(o.credits, 0)
        """,
    ),
    Check(
        "P8",
        "no card payment is paid without an event that says so",
        """
        SELECT id FROM public.card_payments WHERE paid_at IS NOT NULL
        EXCEPT SELECT p.id FROM bursar.inbox AS i
        JOIN (SELECT id, unnest(ARRAY[id::text, session_id, payment_intent]) AS subject
            FROM public.card_payments) AS p ON p.subject = i.subject
        WHERE i.type IN ('checkout.session.completed',
            'checkout.session.async_payment_succeeded')
        """,
    ),
    Check(
        "P9",
        "no lead is sold beyond max_sales, nor bought more often than sold",
        """
        SELECT l.id, l.sold_count, l.max_sales, i.sold FROM public.leads AS l
        LEFT JOIN (SELECT lead_id, count(*) AS sold FROM public.marketplace_purchase_items
            WHERE status = 'sold' GROUP BY lead_id) AS i ON i.lead_id = l.id
        WHERE l.sold_count > l.max_sales OR i.sold > l.sold_count
        """,
    ),
    Check(
        "P9",
        "nobody bought a lead twice",
        """
        SELECT p.buyer_workspace_id, i.lead_id FROM public.marketplace_purchase_items AS i
        JOIN public.marketplace_purchases AS p ON p.id = i.purchase_id
        WHERE i.status = 'sold' GROUP BY 1, 2 HAVING count(*) > 1
        """,
    ),
    Check(
        "P9",
        "each cart for credits was charged once, for what its items cost",
        """
        SELECT p.id, t.id, p.total_price, i.price FROM (
            SELECT * FROM public.marketplace_purchases WHERE payment_method = 'credits') AS p
        FULL JOIN (SELECT * FROM bursar.transaction
            WHERE verb = 'complete_credit_lead_purchase') AS t ON t.id = p.transaction_id
        LEFT JOIN (SELECT purchase_id, sum(price) AS price FROM public.marketplace_purchase_items
            GROUP BY purchase_id) AS i ON i.purchase_id = p.id
        WHERE (t.amount = p.total_price AND t.owner_id = p.buyer_workspace_id::text
            AND i.price = p.total_price) IS NOT TRUE
        """,
    ),
    Check(
        "P9",
        "each collection was paid for once, at its price",
        """
        SELECT c.collector_id, c.reward_id, t.id FROM public.collected_rewards AS c
        FULL JOIN (SELECT * FROM bursar.transaction WHERE verb = 'purchase_reward') AS t
            ON t.id = c.transaction_id AND t.amount = c.price
            AND t.owner_id = c.collector_id::text
        WHERE c.collector_id IS NULL OR t.id IS NULL
        """,
    ),
    Check(
        "P9",
        "nobody owns a reward twice",
        """
        SELECT collector_id, reward_id FROM public.collected_rewards
        GROUP BY collector_id, reward_id HAVING count(*) > 1
        """,
    ),
    *(Check(*one) for one in CHECKS_OF_JOBS),
)


def broken_promises(connection: psycopg.Connection) -> list[str]:
    """Say which promises do not hold, each with a few of the rows that break it."""
    found: list[str] = []
    with connection.transaction():
        # An index damaged by a crash must not hide what its table says.
        connection.execute("SET LOCAL enable_indexscan = off")
        connection.execute("SET LOCAL enable_indexonlyscan = off")
        connection.execute("SET LOCAL enable_bitmapscan = off")
        for check in CHECKS:
            rows = connection.execute(check.query.encode()).fetchmany(5)
            if rows:
                found.append(f"{check.promise}, {check.sentence}: {rows}")
    return found
