from collections.abc import Sequence

import pytest

from bench.comparisons import Finding, findings
from bench.load import Load
from bench.plan import QUICK
from bench.run import Run
from bench.targets import COMPARISONS, Comparison, Point


def loads(*per_second: float, p99: float = 0.01) -> list[Load]:
    return [Load(seconds=1.0, purchases=int(n), latencies=[p99]) for n in per_second]


def found(run: Run, key: str) -> Finding:
    return next(one for one in findings(run) if one.comparison.key == key)


@pytest.fixture
def run() -> Run:
    made = Run(QUICK)
    made.loads["engine", "hot", 32] = loads(9000, 12000, 10000)
    made.loads["classic", "hot", 32] = loads(1000, 1000, 800)
    return made


def test_rounds_are_compared_one_by_one(run: Run) -> None:
    assert found(run, "engine_hot_classic_hot_32").values == (9.0, 12.0, 12.5)


def test_the_median_decides_whether_a_target_is_met(run: Run) -> None:
    finding = found(run, "engine_hot_classic_hot_32")
    assert (finding.target, finding.met) == (10, True)

    run.loads["classic", "hot", 32] = loads(1000, 1000, 1200)
    assert found(run, "engine_hot_classic_hot_32").met is False


def test_a_median_on_the_target_meets_it(run: Run) -> None:
    run.loads["engine", "hot", 32] = loads(10000, 10000, 8000)

    assert found(run, "engine_hot_classic_hot_32").met is True


def test_a_latency_is_to_be_at_most_its_target(run: Run) -> None:
    assert found(run, "engine_hot_p99_32").met is True
    assert found(run, "engine_hot_p99_32").values == (10.0, 10.0, 10.0)

    run.loads["engine", "hot", 32] = loads(9000, 9000, p99=0.06)
    assert found(run, "engine_hot_p99_32").met is False


def test_what_was_not_measured_is_neither_met_nor_missed(run: Run) -> None:
    finding = found(run, "engine_hot_pgledger_hot_32")

    assert (finding.values, finding.spread, finding.met) == ((), None, None)


def test_a_round_that_only_one_of_two_has_measured_is_left_out(run: Run) -> None:
    run.loads["classic", "hot", 32] = loads(1000, 1000)

    assert found(run, "engine_hot_classic_hot_32").values == (9.0, 12.0)


def test_a_rival_that_did_nothing_is_no_divisor(run: Run) -> None:
    run.loads["classic", "hot", 32] = loads(1000, 0, 800)

    assert found(run, "engine_hot_classic_hot_32").values == (9.0, 12.5)


def test_lone_callers_and_open_loops_are_found_where_they_are_kept(run: Run) -> None:
    run.lone = {"engine": [1.0, 1.2], "sql": [1.0, 1.0]}
    run.open_loads["v1", "spread"] = loads(100, p99=0.02)

    assert found(run, "lone_engine_sql").values == (1.0, 1.2)
    assert found(run, "lone_engine_sql").met is True
    assert found(run, "v1_open_p99").values == (20.0,)


def test_a_comparison_without_a_target_has_no_verdict(run: Run) -> None:
    run.loads["hordak", "hot", 32] = loads(500, 500, 500)

    finding = found(run, "engine_hordak_hot")

    assert finding.values == (18.0, 24.0, 20.0)
    assert (finding.target, finding.met) == (None, None)


def test_keys_are_unique_and_no_target_is_wanted_both_ways() -> None:
    assert len({one.key for one in COMPARISONS}) == len(COMPARISONS)
    assert all(one.at_least is None or one.at_most is None for one in COMPARISONS)


def points(comparisons: Sequence[Comparison]) -> set[Point]:
    return {
        point
        for one in comparisons
        if one.at_least is not None or one.at_most is not None
        for point in (one.ours, one.theirs)
        if point is not None
    }


def test_targets_name_the_ratios_that_were_promised() -> None:
    promised = {
        "engine_hot_classic_hot_32": 10,
        "engine_seller_classic_hot_128": 10,
        "engine_hot_engine_spread_128": 0.9,
        "engine_spread_classic_spread_32": 3,
        "sql_batch_floor": 0.6,
        "v1_fastapi_spread": 2,
        "v1_fastapi_hot": 6,
        "v1_batch_v1": 3,
        "lone_engine_sql": 1.15,
        "lone_engine_classic": 1.3,
        "lone_rpc_fastapi": 1.3,
        "lone_v1_fastapi": 1.3,
        "v1_open_p99": 50,
    }
    wanted = {one.key: one.at_least or one.at_most for one in COMPARISONS}

    assert {key: wanted[key] for key in promised} == promised
