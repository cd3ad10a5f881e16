"""What a path has left in its database, compared with what it answered: wrong results, counted."""

from dataclasses import asdict, dataclass
from typing import LiteralString

import psycopg

from bench.orders import PRICE

_BALANCES: LiteralString = """
WITH spent AS (SELECT buyer_id AS user_id, sum(price) AS amount FROM bench.purchase GROUP BY 1),
    earned AS (SELECT seller_id AS user_id, sum(price) AS amount FROM bench.purchase GROUP BY 1),
    wallet AS (
        SELECT w.balance, o.balance + coalesce(e.amount, 0) - coalesce(s.amount, 0) AS due
        FROM bench.opening AS o LEFT JOIN bench.wallet AS w USING (user_id)
        LEFT JOIN spent AS s USING (user_id) LEFT JOIN earned AS e USING (user_id)
    )
SELECT (SELECT count(*) FROM bench.purchase),
    coalesce(sum(abs(due - coalesce(balance, 0))) / %(price)s, 0)::bigint,
    coalesce(sum(-due) FILTER (WHERE due < 0) / %(price)s, 0)::bigint
FROM wallet
"""
# Each query counts what breaks the ledger's own rules.
LEDGER_FAULTS: tuple[LiteralString, ...] = (
    """
    SELECT count(*) FROM (
        SELECT FROM bursar.entry GROUP BY transaction_id, asset HAVING sum(amount) <> 0) AS unequal
    """,
    """
    SELECT count(*) FROM (
        SELECT owner_id, sum(amount) AS total, count(*) AS entries, max(seq) AS seq
        FROM bursar.entry WHERE seq IS NOT NULL AND asset = 'credit' GROUP BY owner_id) AS e
    FULL JOIN public.user_credits AS w ON w.user_id::text = e.owner_id
    WHERE (w.balance, w.bursar_seq, w.bursar_seq) IS DISTINCT FROM (e.total, e.seq, e.entries)
    """,
    """
    SELECT count(*) FROM public.collected_rewards AS c
    LEFT JOIN bursar.transaction AS t ON t.id = c.transaction_id AND t.verb = 'purchase_reward'
    WHERE t.id IS NULL OR t.amount <> c.price OR t.owner_id <> c.collector_id::text
    """,
    """
    SELECT abs((SELECT count(*) FROM bursar.idempotency WHERE outcome ->> 'status' = 'done')
        - (SELECT count(*) FROM public.collected_rewards))
    """,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """Wrong results of one path over the whole run.

    `unaccounted` is the difference between purchases answered as done and purchases recorded,
    `lost_updates` the purchases by whose price balances differ from what the purchases add up to,
    `oversold` the purchases beyond what their buyers could pay, and `ledger_faults` the rows that
    break the double entry, the sequence or the keys; the classic schema has none of these.
    """

    purchases: int
    unaccounted: int
    lost_updates: int
    oversold: int
    ledger_faults: int

    @property
    def wrong(self) -> int:
        """All wrong results together."""
        return self.unaccounted + self.lost_updates + self.oversold + self.ledger_faults

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self) | {"wrong": self.wrong}


def audit_path(url: str, acknowledged: int, *, with_ledger: bool) -> Audit:
    """Audit the database at `url`, at rest."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_BALANCES, {"price": PRICE}).fetchone()
        assert row is not None
        purchases, lost, oversold = row
        faults = 0
        for query in LEDGER_FAULTS if with_ledger else ():
            counted = connection.execute(query).fetchone()
            assert counted is not None
            faults += counted[0]
    return Audit(purchases, abs(purchases - acknowledged), lost, oversold, faults)
