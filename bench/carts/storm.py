"""Many buyers after the same few leads: what is sold twice, and what money is lost."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg

from bench.carts.stock import Stock
from bench.carts.way import Way
from bench.orders import identity

CALLERS, CARTS, SIZE = 8, 15, 3
# So few that they meet, and so few buyers that their balances do.
_LEADS, _BUYERS = 60, 4

_TWICE: LiteralString = """
SELECT coalesce(sum(sales - 1), 0)::bigint FROM (
    SELECT count(*) AS sales FROM public.marketplace_purchase_items GROUP BY lead_id) AS sold"""
_LOST: LiteralString = """
WITH spent AS (SELECT p.buyer_workspace_id AS id, sum(i.price)::bigint AS credits
        FROM public.marketplace_purchase_items AS i
        JOIN public.marketplace_purchases AS p ON p.id = i.purchase_id GROUP BY 1),
    earned AS (SELECT l.seller_workspace_id AS id, sum(i.price)::bigint AS credits
        FROM public.marketplace_purchase_items AS i
        JOIN public.leads AS l ON l.id = i.lead_id GROUP BY 1)
SELECT coalesce(sum(abs(w.balance - o.balance - coalesce(e.credits, 0) + coalesce(s.credits, 0))),
    0)::bigint
FROM bench.opening AS o JOIN public.workspace_credits AS w USING (workspace_id)
LEFT JOIN spent AS s ON s.id = o.workspace_id LEFT JOIN earned AS e ON e.id = o.workspace_id"""
_ITEMS: LiteralString = "SELECT count(*) FROM public.marketplace_purchase_items"
# What else the ledger promises.
_FAULTS: LiteralString = """
SELECT (SELECT count(*) FROM (SELECT FROM bursar.entry GROUP BY transaction_id, asset
        HAVING sum(amount) <> 0) AS unequal)
    + (SELECT count(*) FROM (SELECT owner_id, sum(amount) AS total, max(seq) AS seq
            FROM bursar.entry WHERE seq IS NOT NULL AND asset = 'workspace_credit'
            GROUP BY owner_id) AS e
        FULL JOIN public.workspace_credits AS w ON w.workspace_id::text = e.owner_id
        WHERE (w.balance, w.bursar_seq) IS DISTINCT FROM (e.total, e.seq))
    + (SELECT count(*) FROM public.leads WHERE sold_count <> (SELECT count(*)
        FROM public.marketplace_purchase_items AS i WHERE i.lead_id = id AND i.status = 'sold'))"""


def storm(make: Callable[[], Way], stock: Stock) -> dict[str, int]:
    """Let many callers buy random carts of the same fresh leads, each over a way of its own.

    Returns how many carts were `tried` and `bought`, and how many leads were in those that were.
    """
    leads = stock.leads("each", _LEADS)

    def caller(number: int) -> tuple[int, int]:
        chance = random.Random(number)
        way = make()
        try:
            done = 0
            for _ in range(CARTS):
                buyer = identity("workspace", chance.randrange(_BUYERS))
                done += way.buy(buyer, chance.sample(leads, SIZE))
            return done, way.bought
        finally:
            way.close()

    with ThreadPoolExecutor(CALLERS) as threads:
        results = list(threads.map(caller, range(CALLERS)))
    return {
        "tried": CALLERS * CARTS,
        "bought": sum(carts for carts, _ in results),
        "leads": sum(leads for _, leads in results),
    }


def audit(url: str, bought: int, *, with_ledger: bool) -> dict[str, int]:
    """Compare a database, at rest, with the number of leads that were answered as bought.

    Every lead here is sold once. `sold_twice` are the sales beyond that, `unaccounted` the leads
    answered as bought and not recorded, or recorded and not answered; `credits_off` the credits by
    which balances differ from what the purchases come to; `ledger_faults` the rows that break the
    ledger's own rules.
    """
    with psycopg.connect(url, autocommit=True) as connection:

        def count(query: LiteralString) -> int:
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0

        counts = {
            "leads": count(_ITEMS),
            "sold_twice": count(_TWICE),
            "unaccounted": abs(count(_ITEMS) - bought),
            "credits_off": count(_LOST),
            "ledger_faults": count(_FAULTS) if with_ledger else 0,
        }
    return counts | {"wrong": sum(counts.values()) - counts["leads"]}
