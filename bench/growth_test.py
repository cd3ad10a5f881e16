"""The benchmark of growth compares what it says: histories as real purchases leave them.

How fast anything is, is no business of a test.
"""

import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import uvloop
from psycopg.types.json import Jsonb
from rich.console import Console

from bench.growth_fill import database_of, make_histories
from bench.growth_measure import Grown, GrowthPlan, measure
from bench.growth_orders import History, growth_sizes
from bench.growth_report import as_json, shortcomings, write_json
from bench.growth_terminal import show
from bench.machine import describe_machine
from bench.paths.by_sql import request_of
from bench.prepare import running_cluster
from bursar.db.embedded import Cluster

PEOPLE = 200
HISTORY = History(growth_sizes(PEOPLE))
# Two and a half cycles: the last of them is not finished.
FILLED = 5 * PEOPLE // 2
PLAN = GrowthPlan(
    entries=(20, 2 * FILLED), rounds=1, load_seconds=0.3, warm_up_seconds=0.0, reads=5
)
ROWS: dict[str, LiteralString] = {
    "transactions": "SELECT to_jsonb(t) - 'created_at' FROM bursar.transaction AS t ORDER BY id",
    "entries": "SELECT to_jsonb(e) FROM bursar.entry AS e ORDER BY transaction_id, line",
    "keys": "SELECT to_jsonb(i) - 'created_at' FROM bursar.idempotency AS i ORDER BY claim",
    "collections": "SELECT to_jsonb(c) - 'collected_at' FROM public.collected_rewards AS c"
    " ORDER BY transaction_id",
    "wallets": "SELECT to_jsonb(w) - 'created_at' FROM public.user_credits AS w ORDER BY user_id",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('bursar', 'public')"
    " ORDER BY indexname",
    "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace IN ('bursar'::regnamespace, 'public'::regnamespace) ORDER BY 1, 2",
    "next id": "SELECT nextval('bursar.transaction_id_seq')",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster with the plan's histories."""
    with running_cluster() as running:
        make_histories(running, (0, *PLAN.entries), HISTORY.sizes, lambda _: None)
        yield running


def rows_of(cluster: Cluster, entries: int) -> dict[str, list[Any]]:
    with psycopg.connect(cluster.url(database=database_of(entries))) as connection:
        return {name: connection.execute(query).fetchall() for name, query in ROWS.items()}


def test_a_history_is_what_real_purchases_leave_behind(cluster: Cluster) -> None:
    requests = [request_of(order) for order in islice(HISTORY.orders_from(0), FILLED)]
    with psycopg.connect(cluster.url(database=database_of(0)), autocommit=True) as connection:
        for first in range(0, FILLED, 100):
            row = connection.execute(
                "SELECT bursar.purchase_reward(%s)", [Jsonb(requests[first : first + 100])]
            ).fetchone()
            assert row is not None
            assert {outcome["status"] for outcome in row[0]} == {"done"}

    bought, filled = rows_of(cluster, 0), rows_of(cluster, 2 * FILLED)

    assert len(filled["collections"]) == FILLED
    for name in ROWS:
        assert filled[name] == bought[name], name


def test_nobody_meets_the_same_reward_twice() -> None:
    orders = list(islice(HISTORY.orders_from(0), 40 * PEOPLE))

    assert len({(order.buyer, order.reward) for order in orders}) == len(orders)
    assert len({order.key for order in orders}) == len(orders)


@pytest.mark.parametrize("people", [9_999, 7919, 34])
def test_numbers_that_would_meet_twice_are_refused(people: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        History(growth_sizes(people))


@pytest.fixture(scope="module")
def grown(cluster: Cluster) -> list[Grown]:
    return uvloop.run(measure(cluster, PLAN, HISTORY, lambda _: None))


@pytest.fixture
def report(grown: list[Grown], cluster: Cluster) -> dict[str, Any]:
    return as_json(grown, PLAN, describe_machine(cluster.url()), 1.0)


def test_every_purchase_is_done_and_the_audit_is_clean(grown: list[Grown]) -> None:
    for one in grown:
        for loads in one.loads.values():
            for load in loads:
                assert load.purchases > 0, load.first_failure
                assert (load.refused, load.failed) == (0, 0), load.first_failure
        assert one.audit is not None
        assert [verdict.told for verdict in one.audit.verdicts if not verdict.holds] == []


def test_the_report_is_complete(report: dict[str, Any], tmp_path: Path) -> None:
    written = json.loads(write_json(report, tmp_path).read_text("utf-8"))
    page = io.StringIO()
    show(written, Console(width=160, file=page))

    smallest, largest = written["sizes"]
    assert (smallest["entries"], largest["entries"]) == PLAN.entries
    assert smallest["paths"]["engine"]["beside_the_smallest"] == [1.0, 1.0, 1.0]
    for size in written["sizes"]:
        for path in size["paths"].values():
            assert path["purchases_per_second"][0] > 0
            assert path["wal_bytes_per_purchase"] > 100
        assert all(read["p50"] > 0 for read in size["reads_ms"].values())
        assert size["audit"]["findings"] == 0
        assert size["left_behind"]["public.user_credits"]["updated"] > 0
    assert "Python engine: beside the smallest" in page.getvalue()


def test_what_is_too_slow_is_said(report: dict[str, Any]) -> None:
    slow = report["sizes"][1]
    slow["reads_ms"]["balance"]["p95"] = 6.0
    slow["paths"]["engine"]["beside_the_smallest"] = [0.84, 0.8, 0.9]
    slow["audit"] |= {"seconds": 61.0, "findings": 2}

    said = " ".join(shortcomings(report))

    for words in (
        "balance: p95 is 6.0 ms at 1,000 entries.",
        "Python engine: 0.84 times the smallest at 1,000 entries.",
        "The audit took 61 s at 1,000 entries.",
        "The audit has 2 findings at 1,000 entries.",
    ):
        assert words in said
