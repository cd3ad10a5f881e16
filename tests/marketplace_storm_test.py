"""64 buyers, 40 leads, overlapping carts: no lead is sold twice, every charge has its receipt.

A few rounds; a hundred with `BURSAR_LONG=1`.
"""

import json
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import scratch_database
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from tests import stand_in as staged
from tests.conftest import assert_clean
from tests.deployment import PATIENT, Deployment
from tests.market import configure
from tests.marketplace_storm import Storm
from tests.no_deadlock_test import deadlocks
from tests.promises import broken_promises
from tests.storms import LONG

pytestmark = pytest.mark.slow

ROUNDS = 100 if LONG else 5
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
SETTLED_SECONDS_MAX = 300.0
# What becomes of card purchases whose money arrives.
PAID = ("paid", "late", "async_succeed")
_log = logging.getLogger("tests")

CardPurchases = dict[str, tuple[str, str, int, set[str]]]


@pytest.fixture
def storm(cluster: Cluster, template: str, tmp_path: Path) -> Iterator[Storm]:
    """Two servers that take cards, a card company whose events come twice and out of order."""
    with ExitStack() as stack:
        database = stack.enter_context(scratch_database(cluster, template))
        company = stack.enter_context(staged.stand_in())
        # Deadlocks are looked for before anybody gives up waiting.
        database.connect().execute(
            f"ALTER DATABASE {database.name} SET deadlock_timeout = '20ms'".encode()
        )
        settings = PATIENT | {
            "stripe_api_key": staged.KEY,
            "stripe_api_base": company.address,
            "stripe_webhook_secret": staged.SECRET,
            "worker_interval_ms": "100",
            "lanes": "4",
        }
        servers = [Deployment(database, tmp_path, settings).start() for _ in range(2)]
        for server in servers:
            stack.callback(server.stop)
        company.send_events_to(f"{servers[0].url}/api/webhooks/stripe")
        company.ask("POST", "/_faults", {"duplicate": 1, "reorder": 6, "reorder_ms": 100})
        configure(database.connect(), purchases_per_minute=0, fee_basis_points=333)
        yield Storm(database, servers, company, random.Random(SEED))
        for server in servers:
            assert_clean(server)


async def test_64_buyers_of_40_leads_sell_none_twice_and_all_is_as_they_were_told(
    storm: Storm,
) -> None:
    admin = storm.database.connect()
    started = time.monotonic()
    await storm.play(ROUNDS)
    took = time.monotonic() - started
    wait_until_settled(storm, admin)

    statuses = Counter(told.status for told in storm.told)
    _log.info(
        "seed %s, %s rounds in %.0f s: %s carts, %s; %s card purchases %s, %s edits",
        SEED,
        ROUNDS,
        took,
        len(storm.told),
        dict(statuses),
        len(storm.fates),
        dict(Counter(storm.fates.values())),
        storm.edits,
    )
    assert set(statuses) <= {200, 402, 409, 429, 503}, statuses
    assert min(statuses[200], statuses[409]) > 10 * ROUNDS, statuses
    assert storm.overbooked == []
    assert statuses[503] < len(storm.told) / 10, statuses
    no_lead_is_sold_twice(admin)
    charges_match_receipts(storm, admin)
    conflicts_are_logged(storm, admin)
    card_purchases_ended_as_they_were_paid(storm, admin)
    assert broken_promises(admin) == []
    report = await run_audit(storm.database.url, Settings())
    assert {one.invariant.name: one.told for one in report.verdicts if not one.holds} == {}
    assert deadlocks(admin, storm.database) == 0


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def wait_until_settled(storm: Storm, admin: psycopg.Connection) -> None:
    """Wait until every payment has had its effect, and what is owed to cards has gone back."""
    deadline, before = time.monotonic() + SETTLED_SECONDS_MAX, None
    while True:
        time.sleep(1.0)
        now = rows(admin, "SELECT count(*), sum(deliveries) FROM bursar.inbox") + rows(
            admin, "SELECT count(*) FROM public.card_refunds WHERE status = 'owed'"
        )
        if now == before and now[-1] == (0,) and not under_way(storm, admin):
            return
        before = now
        assert time.monotonic() < deadline, (now, under_way(storm, admin))


def card_purchases(admin: psycopg.Connection) -> CardPurchases:
    """Each by its id: its status, its payment's, what is owed to the card, its items' statuses."""
    return {
        purchase_id: (status, payment, missing, set(items))
        for purchase_id, status, payment, missing, items in rows(
            admin,
            "SELECT b.id::text, b.status, p.status, p.owed - p.refunded,"
            " array(SELECT DISTINCT i.status FROM public.marketplace_purchase_items AS i"
            " WHERE i.purchase_id = b.id)"
            " FROM public.marketplace_purchases AS b"
            " JOIN public.card_payments AS p ON p.purchase_id = b.id",
        )
    }


def under_way(storm: Storm, admin: psycopg.Connection) -> CardPurchases:
    """Card purchases that were paid and have not come to their end."""
    return {
        purchase_id: found
        for purchase_id, found in card_purchases(admin).items()
        if storm.fates.get(purchase_id) in PAID
        and (
            found[0] not in ("completed", "refunded")
            or found[1] not in ("paid", "refunded")
            or found[2] != 0
        )
    }


def no_lead_is_sold_twice(admin: psycopg.Connection) -> None:
    """By the counters and by the items."""
    assert rows(admin, "SELECT id FROM public.leads WHERE sold_count > max_sales") == []
    sold = rows(
        admin,
        "SELECT l.id FROM public.leads AS l"
        " LEFT JOIN public.marketplace_purchase_items AS i"
        " ON i.lead_id = l.id AND i.status = 'sold'"
        " GROUP BY l.id HAVING count(i.lead_id) <> l.sold_count",
    )
    assert sold == []


def charges_match_receipts(storm: Storm, admin: psycopg.Connection) -> None:
    """Each buyer was charged what their receipts say, cart by cart, and for nothing else."""
    receipts = {
        told.answer["purchaseId"]: (
            told.buyer,
            told.answer["totalPrice"],
            sorted((item["leadId"], item["price"]) for item in told.answer["items"]),
        )
        for told in storm.told
        if told.status == 200 and told.answer["paymentMethod"] == "credits"
    }
    for buyer, total, items in receipts.values():
        assert total == sum(price for _, price in items), buyer
    recorded = {
        purchase_id: (buyer, -charged, sorted((one, price) for one, price in items))
        for purchase_id, buyer, charged, items in rows(
            admin,
            "SELECT p.id::text, p.buyer_workspace_id::text, e.amount, i.items"
            " FROM public.marketplace_purchases AS p"
            " JOIN bursar.entry AS e ON e.transaction_id = p.transaction_id AND e.bucket = 'used'"
            " AND e.owner_id = p.buyer_workspace_id::text"
            " CROSS JOIN LATERAL (SELECT jsonb_agg(jsonb_build_array(o.lead_id, o.price)) AS items"
            " FROM public.marketplace_purchase_items AS o WHERE o.purchase_id = p.id) AS i"
            " WHERE p.payment_method = 'credits'",
        )
    }
    assert recorded == receipts
    debits = dict(
        rows(
            admin,
            "SELECT owner_id, -sum(amount)::bigint FROM bursar.entry WHERE bucket = 'used'"
            " GROUP BY owner_id",
        )
    )
    spent: Counter[str] = Counter()
    for buyer, total, _ in receipts.values():
        spent[buyer] += total
    assert debits == spent


def conflicts_are_logged(storm: Storm, admin: psycopg.Connection) -> None:
    """Each cart that was told of conflicts has its row, with the same list, and there are no more.

    A replay was logged when it was new.
    """
    told = Counter(
        (one.buyer, one.answer.get("code"), listed(one.conflicts))
        for one in storm.told
        if one.conflicts and not one.replayed
    )
    assert all(one.conflicts for one in storm.told if one.status == 409)
    logged = Counter(
        (buyer, code, listed(conflicts))
        for buyer, code, conflicts in rows(
            admin,
            "SELECT workspace_id::text, details ->> 'code', details -> 'conflicts'"
            " FROM public.audit_logs WHERE action = 'purchase_conflict'",
        )
    )
    assert logged == told


def listed(conflicts: list[dict[str, Any]]) -> str:
    return json.dumps(sorted(conflicts, key=lambda one: str(one["lead_id"])), sort_keys=True)


def card_purchases_ended_as_they_were_paid(storm: Storm, admin: psycopg.Connection) -> None:
    """Who paid in time has what was reserved, who paid late that or the money; others neither."""
    found = card_purchases(admin)
    assert set(found) == set(storm.fates)
    for purchase_id, fate in storm.fates.items():
        status, payment, missing, items = found[purchase_id]
        if fate in PAID:
            assert status in ("completed", "refunded"), (fate, found[purchase_id])
            assert payment in ("paid", "refunded"), (fate, found[purchase_id])
            assert missing == 0, (fate, found[purchase_id])
            assert items <= {"sold", "gone" if fate == "late" else ""}, (fate, found[purchase_id])
            assert ("sold" in items) == (status == "completed"), (fate, found[purchase_id])
        else:
            assert status in ("failed", "pending", "expired"), (fate, found[purchase_id])
            assert items <= {"reserved", "released"}, (fate, found[purchase_id])
