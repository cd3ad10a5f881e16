import pytest

from bench.comparisons_test import points
from bench.paths.registry import NAMES, make_paths
from bench.plan import FULL, LONE_PATHS, QUICK, Cell, Plan
from bench.targets import COMPARISONS

TIMES = 12.0


@pytest.mark.parametrize("plan", [QUICK, FULL], ids=lambda plan: plan.mode)
def test_every_target_can_be_decided_in_either_mode(plan: Plan) -> None:
    cells = set(plan.cells(NAMES, 0))

    for point in points(COMPARISONS):
        if point.measure == "lone_ms":
            assert point.path in LONE_PATHS
        elif point.measure == "open_p99_ms":
            assert (point.path, point.scenario) in plan.open_loops
        else:
            assert Cell(point.path, point.scenario, point.callers) in cells


@pytest.mark.parametrize("plan", [QUICK, FULL], ids=lambda plan: plan.mode)
def test_every_path_is_measured_in_either_mode(plan: Plan) -> None:
    assert {cell.path for cell in plan.cells(NAMES, 0)} == set(NAMES)
    assert {path for path, _ in plan.open_loops} <= set(NAMES)


def test_those_that_are_compared_follow_one_another_and_take_turns() -> None:
    first = [cell for cell in QUICK.cells(NAMES, 0) if (cell.scenario, cell.callers) == ("hot", 64)]
    second = [cell for cell in QUICK.cells(NAMES, 1) if cell in first]
    everything = list(QUICK.cells(NAMES, 0))

    begin = everything.index(first[0])
    assert everything[begin : begin + len(first)] == first
    assert second == [*first[1:], first[0]]
    assert len(set(everything)) == len(everything)


def test_only_what_is_asked_for_is_measured() -> None:
    assert {cell.path for cell in FULL.cells(["sql", "naive"], 3)} == {"sql", "naive"}


@pytest.mark.parametrize(("plan", "most"), [(QUICK, 150), (FULL, 620)], ids=["quick", "full"])
def test_a_run_ends_in_its_time_with_cells_worth_measuring(plan: Plan, most: float) -> None:
    seconds = plan.cell_seconds(NAMES, TIMES)
    cells = len(list(plan.cells(NAMES, 0))) + len(plan.open_loops)

    assert seconds >= 0.7
    assert plan.rounds >= 3
    assert TIMES + plan.rounds * cells * (seconds + plan.warm_up_seconds) < most


def test_fewer_paths_leave_each_cell_more_time_up_to_a_limit() -> None:
    few = QUICK.cell_seconds(["sql"], TIMES)

    assert few == QUICK.cell_seconds_max
    assert QUICK.cell_seconds(NAMES, TIMES) < few


def test_an_unknown_path_is_named_beside_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no path slq\. There are: engine, sql, "):
        make_paths(["engine", "slq"])


def test_paths_keep_the_order_of_the_report() -> None:
    assert [path.name for path in make_paths(["floor", "engine"])] == ["engine", "floor"]
    assert [path.name for path in make_paths([])] == list(NAMES)
