"""The benchmark measures what it says: every path buys, and only the naive one gives wrong results.

How fast they are is no business of a test.
"""

import json
from typing import Any

import pytest
import uvloop

from bench.orders import POOR_PURCHASES, POOR_TRIES, Orders, Sizes
from bench.ratios import Spread
from bench.report import write_json
from bench.run import run
from bench.schedule import LONE_PATHS, PATHS, SCENARIOS, Plan

CALLERS = (1, 8)
SMALL = Plan(
    rounds=1,
    callers=CALLERS,
    cell_seconds_max=0.1,
    warm_up_seconds=0.0,
    lone_blocks=1,
    lone_calls=5,
    sizes=Sizes(buyers=200, sellers=50, rewards=400, hot_buyers=2, poor_buyers=1),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    measured = uvloop.run(run(SMALL, lambda _: None))
    path = write_json(measured, tmp_path_factory.mktemp("results"))
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_only_the_naive_path_gives_wrong_results(report: dict[str, Any]) -> None:
    wrong = {path: counts["wrong"] for path, counts in report["wrong_results"].items()}

    assert wrong.pop("naive") > 0
    assert wrong == {path.name: 0 for path in PATHS if path.name != "naive"}


def test_no_call_fails(report: dict[str, Any]) -> None:
    failures = [
        entry for entry in report["figures"] if entry["failed"] and entry["path"] != "naive"
    ]

    assert failures == []


def test_a_poor_buyer_gets_what_the_money_pays_for(report: dict[str, Any]) -> None:
    exactly = {"sold": POOR_PURCHASES, "refused": POOR_TRIES - POOR_PURCHASES, "failed": 0}

    assert report["poor_buyer"].pop("naive")["sold"] > POOR_PURCHASES
    assert report["poor_buyer"].pop("could_pay_for") == POOR_PURCHASES
    assert report["poor_buyer"] == {path.name: exactly for path in PATHS if path.name != "naive"}


def test_the_report_is_complete(report: dict[str, Any]) -> None:
    cells = {(entry["path"], entry["scenario"], entry["callers"]) for entry in report["figures"]}

    assert cells == {
        (path.name, scenario, callers)
        for path in PATHS
        for scenario in SCENARIOS
        for callers in CALLERS
        if path.callers is None or callers in path.callers
    }
    assert all(len(entry["p99_ms"]) == 3 for entry in report["figures"])
    assert set(report["lone_ms"]) == set(LONE_PATHS)
    assert all(spread[0] > 0 for spread in report["lone_ms"].values())
    assert {words for words in report["ratios"] if words.startswith("lone")}
    assert report["machine"]["postgres"]["fsync"] == "on"
    assert report["machine"]["fsync_ms"]["median"] > 0


def test_nobody_meets_the_same_reward_twice() -> None:
    orders = Orders(Sizes(buyers=10, sellers=5, rewards=150, hot_buyers=1, poor_buyers=1))
    everything = [*orders.of("hot"), *orders.of("poor"), *orders.of("spread")]

    assert len(everything) == 150 + POOR_TRIES + 10 * 150
    assert len({(order.buyer, order.reward) for order in everything}) == len(everything)
    assert len({(order.buyer, order.key) for order in everything}) == len(everything)


def test_a_spread_is_the_median_between_its_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([]) == Spread(0.0, 0.0, 0.0)
