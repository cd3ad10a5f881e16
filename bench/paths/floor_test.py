"""The floor writes what a purchase writes: when the ledger's rows change, it has to change too."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bench.audit import LEDGER_FAULTS
from bench.orders import PRICE, Order, Sizes
from bench.paths.by_sql import Sql
from bench.paths.floor import Floor
from bench.paths.path import Buyer, Site
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database

# What two purchases may differ in: whose they are, and when.
_OWN = {"id", "transaction_id", "created_at", "collected_at", "reward_id", "collector_id"}
_OWN_OUTCOME = {"transaction_id", "reward_id", "owner_id"}


@pytest.fixture
def shop(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, template) as database:
        yield database


def order_of(database: ScratchDatabase) -> Order:
    """A buyer with money, and a reward of somebody else's."""
    buyer, seller, reward = (str(uuid.uuid4()) for _ in range(3))
    connection = database.connect()
    for owner in (buyer, seller):
        connection.execute(
            "INSERT INTO public.user_credits (user_id, balance) VALUES (%s, 100)", [owner]
        )
    connection.execute(
        "INSERT INTO public.rewards (id, creator_id, name, cost) VALUES (%s, %s, 'Sticker', %s)",
        [reward, seller, PRICE],
    )
    return Order(buyer, reward, f"key-{buyer}")


async def bought(database: ScratchDatabase, path: Buyer) -> tuple[dict[str, int], dict[str, Any]]:
    """Buy once, and return by how many rows each table grew, and the rows."""
    order = order_of(database)
    site = Site(database.url, database.service_url, Sizes(), None, Path)
    await path.open(site)
    connection = database.connect()
    before = counts_of(connection)
    try:
        assert await path.buy([order]) == 1
    finally:
        await path.close()
    grown = {name: count - before[name] for name, count in counts_of(connection).items()}
    return {name: by for name, by in grown.items() if by}, rows_of(connection, order)


def counts_of(connection: psycopg.Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    tables = connection.execute(
        "SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY 1, 2"
    ).fetchall()
    counts = {}
    for table in tables:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table))
        (counts[".".join(table)],) = connection.execute(query).fetchone() or (0,)
    return counts


def rows_of(connection: psycopg.Connection, order: Order) -> dict[str, Any]:
    """Return what a purchase has left behind, without what is its own."""
    (found,) = connection.execute(
        """
        SELECT jsonb_build_object('collected', to_jsonb(c), 'transaction', to_jsonb(t),
            'entries', (SELECT jsonb_agg(to_jsonb(e) ORDER BY line) FROM bursar.entry AS e
                WHERE e.transaction_id = t.id),
            'wallets', (SELECT jsonb_agg(jsonb_build_array(
                w.balance, w.bursar_held, w.bursar_seq, w.bursar_status) ORDER BY w.balance)
                FROM public.user_credits AS w WHERE w.user_id IN (c.collector_id, r.creator_id)),
            'claim', (SELECT jsonb_build_array(octet_length(i.claim), octet_length(i.fingerprint),
                i.outcome) FROM bursar.idempotency AS i
                WHERE (i.outcome ->> 'transaction_id')::bigint = t.id))
        FROM public.collected_rewards AS c JOIN bursar.transaction AS t ON t.id = c.transaction_id
        JOIN public.rewards AS r ON r.id = c.reward_id WHERE c.reward_id = %s
        """,
        [order.reward],
    ).fetchone() or (None,)
    rows: dict[str, Any] = found
    reason = rows["transaction"].pop("reason")
    assert reason == f"reward {order.reward}"
    seller = rows["entries"][1]["owner_id"]
    for row in (rows["collected"], rows["transaction"], *rows["entries"]):
        owner = row.pop("owner_id", order.buyer)
        assert owner in (order.buyer, seller)
        for name in _OWN & row.keys():
            assert row.pop(name) is not None
    outcome = rows["claim"][2]
    for name in _OWN_OUTCOME:
        assert outcome.pop(name)
    return rows


async def test_the_floor_writes_what_a_purchase_writes(shop: ScratchDatabase) -> None:
    tables, rows = await bought(shop, Sql())

    blind_tables, blind_rows = await bought(shop, Floor())

    assert blind_tables == tables
    assert blind_rows == rows


async def test_what_the_floor_writes_breaks_no_rule_of_the_ledger(shop: ScratchDatabase) -> None:
    first = order_of(shop)
    other = order_of(shop)
    floor = Floor()
    await floor.open(Site(shop.url, shop.service_url, Sizes(), None, Path))
    # The second reward is bought by the first buyer as well: a wallet twice in one batch.
    again = Order(first.buyer, other.reward, "again")
    try:
        assert await floor.buy([first, again]) == 2
        assert await floor.buy([other]) == 1
    finally:
        await floor.close()

    connection = shop.connect()
    faults = [connection.execute(query).fetchone() for query in LEDGER_FAULTS]
    balances = connection.execute(
        "SELECT balance, bursar_seq FROM public.user_credits WHERE user_id = ANY(%s::uuid[])",
        [[first.buyer, other.buyer]],
    ).fetchall()

    assert faults == [(0,)] * len(faults)
    assert sorted(balances) == [(80, 3), (90, 2)]
