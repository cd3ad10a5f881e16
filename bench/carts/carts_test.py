"""The benchmark of carts compares what it says: fresh leads, counted round trips, right results.

How fast anything is, is no business of a test.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from bench.carts.fill import OURS
from bench.carts.measure import Measured, measure
from bench.carts.page import section_of
from bench.carts.phases import PHASES
from bench.carts.plan import FULL, CartPlan, Cell
from bench.carts.report import as_json, write_json
from bench.carts.stock import BLOCK, Stock
from bench.carts.terminal import views
from bench.carts.wire import Wire
from bench.orders import identity
from bench.prepare import running_cluster
from bursar.db.embedded import Cluster

PLAN = CartPlan(
    rounds=1,
    sizes=(1, 3, 100),
    calls={1: 1, 3: 1, 100: 1},
    phase_carts=1,
    leads_min=2 * BLOCK,
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="module")
def measured(cluster: Cluster) -> Measured:
    return measure(cluster, PLAN, lambda _: None)


@pytest.fixture
def document(measured: Measured) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_json(measured)))
    return found


def test_no_lead_is_handed_out_twice_and_a_cart_lies_within_one_block() -> None:
    stock = Stock()
    carts = [stock.take("one", size) for size in (1, 100, 399, 1, 500, 3)]

    numbers = [number for cart in carts for number in cart]
    assert len(set(numbers)) == len(numbers)
    assert all(cart[0] // BLOCK == cart[-1] // BLOCK for cart in carts)


def test_the_order_of_ways_is_turned_and_each_is_measured_once_in_a_round() -> None:
    rounds = [list(FULL.cells(number)) for number in range(3)]

    assert {frozenset(cells) for cells in rounds} == {frozenset(rounds[0])}
    assert all(len(set(cells)) == len(cells) for cells in rounds)
    assert len({cells[0].way for cells in rounds}) == 3


def test_there_is_enough_to_buy_for_every_round() -> None:
    more = replace(FULL, rounds=2 * FULL.rounds)

    assert FULL.leads_min <= FULL.stock_needed() < more.stock_needed()


@pytest.mark.parametrize(("kind", "sellers"), [("one", 1), ("ten", 10), ("each", BLOCK)])
def test_a_block_has_as_many_sellers_as_its_kind_says(
    measured: Measured, cluster: Cluster, kind: str, sellers: int
) -> None:
    leads = [identity(kind, number) for number in range(BLOCK, 2 * BLOCK)]
    with psycopg.connect(cluster.url(database=OURS)) as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT seller_workspace_id) FROM public.leads"
            " WHERE id = ANY(%s::uuid[])",
            [leads],
        ).fetchone()

    assert found == (BLOCK, sellers)


def test_a_call_is_one_round_trip_and_the_loop_is_two_for_each_lead(measured: Measured) -> None:
    for size in PLAN.sizes:
        assert measured.round_trips["call", size] == 1
        # It begins, reads, reads, inserts; updates the buyer and the seller, and commits.
        assert measured.round_trips["loop", size] == 7 + 2 * size


def test_only_the_loop_as_it_was_sells_twice_and_loses_credits(measured: Measured) -> None:
    wrong = {way: found["wrong"] for way, found in measured.audits.items()}

    assert wrong["naive"] > 0
    assert (wrong["call"], wrong["loop"]) == (0, 0)
    assert measured.wrong_ways == []
    assert measured.audits["call"]["leads"] > measured.storms["call"]["leads"] > 0


def test_every_cell_of_the_plan_is_reported(document: dict[str, Any]) -> None:
    cells = {(row["way"], row["size"], row["sellers"]) for row in document["figures"]}

    assert cells == {
        (cell.way, cell.size, cell.sellers)
        for cell in PLAN.cells(0)
        if cell.way in document["ways"]
    }
    assert {"call", "loop", "engine", "call_far", "loop_far"} <= set(document["ways"])
    assert all(set(row["us"]) == set(PHASES) for row in document["phases"])
    assert document["plan"]["far_question_ms"] > document["plan"]["far_ms"]


def test_ratios_are_taken_within_a_round_and_the_median_decides() -> None:
    one, hundred = Cell("call", 1, "one"), Cell("call", 100, "one")
    made = Measured(FULL, ms={one: [1.0, 2.0, 1.0], hundred: [3.0, 10.0, 3.9]})

    growth = next(c for c in as_json(made)["comparisons"] if c["key"] == "growth_one")
    assert (growth["value"], growth["met"]) == ([3.9, 3.0, 5.0], True)

    made.ms[hundred][2] = 4.5
    growth = next(c for c in as_json(made)["comparisons"] if c["key"] == "growth_one")
    assert (growth["value"][0], growth["met"]) == (4.5, False)


def test_what_was_not_measured_is_not_compared() -> None:
    assert as_json(Measured(FULL))["comparisons"] == []


def test_the_report_is_written_and_shown(document: dict[str, Any], tmp_path: Path) -> None:
    made = {"machine": {"date": "2026-11-21T13:00:00+00:00"}} | document
    written = json.loads(write_json(made, tmp_path).read_text("utf-8"))
    page = io.StringIO()
    Console(width=160, file=page).print(*views(written), sep="\n")

    for words in ("loop, as it was", "100 leads, many sellers / one lead", "lock and judge"):
        assert words in page.getvalue()
    plot = section_of(written)["plot"]
    assert {line.title for line in plot.lines} >= {"one call, SQL", "loop, with locks"}


def test_a_wire_counts_round_trips_and_takes_its_time(cluster: Cluster) -> None:
    with (
        Wire(cluster.url(), 0.02) as wire,
        psycopg.connect(wire.url, autocommit=True) as connection,
    ):
        before = wire.round_trips
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        row_after = connection.execute(
            "SELECT extract(epoch FROM clock_timestamp())::float8"
        ).fetchone()

        assert wire.round_trips == before + 2
    assert row is not None
    assert row_after is not None
    assert row_after[0] - row[0] >= 0.02
