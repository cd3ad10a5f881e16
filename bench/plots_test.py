from itertools import pairwise

import pytest

from bench.plots import Series, draw_bars, draw_lines, draw_ranges, place_of


def test_plots_beside_one_another_have_the_same_axes() -> None:
    high = Series("a", "A", ((1, 100), (128, 10_000)))
    low = Series("b", "B", ((32, 500),))

    first, second = draw_lines([[high], [low]])

    assert (first.x_ticks, first.y_ticks) == (second.x_ticks, second.y_ticks)
    assert [tick.words for tick in first.x_ticks] == ["1", "32", "128"]
    assert first.y_ticks[0].words == "100"
    assert first.y_ticks[-1].words == "10k"


def test_equal_steps_are_equal_factors() -> None:
    (plot,) = draw_lines([[Series("a", "A", ((1, 100), (8, 1000), (64, 10_000)))]])

    one, two, three = plot.lines[0].dots
    assert two.x - one.x == pytest.approx(three.x - two.x)
    assert one.y - two.y == pytest.approx(two.y - three.y)


def test_labels_do_not_cover_one_another_and_stay_on_the_plot() -> None:
    crowd = [Series(str(n), str(n), ((32, 1000 + n),)) for n in range(8)]
    others = [Series("low", "low", ((32, 100),)), Series("high", "high", ((32, 9000),))]

    (plot,) = draw_lines([[*crowd, *others]])

    places = sorted(line.label_y for line in plot.lines)
    gaps = [below - above for above, below in pairwise(places)]
    assert min(gaps) >= 15 - 1e-9
    assert plot.top <= places[0]
    assert places[-1] <= plot.bottom


def test_a_label_alone_stands_beside_its_line() -> None:
    (plot,) = draw_lines([[Series("a", "A", ((1, 100), (8, 1000)))]])

    assert plot.lines[0].label_y == plot.lines[0].dots[-1].y


def test_bars_are_as_long_as_their_values() -> None:
    plot = draw_bars([("a", "A", 10.0), ("b", "B", 40.0)], "ms")

    assert plot is not None
    short, long = plot.bars
    assert (long.end - long.begin) == pytest.approx(4 * (short.end - short.begin))
    assert (short.words, long.words) == ("10", "40")


def test_ranges_run_from_p50_to_p99_and_show_the_target() -> None:
    (plot,) = draw_ranges([[("a", "A", (2.0, 8.0, 40.0))]], 50)

    bar = plot.bars[0]
    assert [mark.words[-10:] for mark in bar.marks] == [
        ": p50 2.0 ms"[-10:],
        ": p95 8.0 ms"[-10:],
        ": p99 40.0 ms"[-10:],
    ]
    assert plot.line is not None
    assert bar.begin < bar.end < plot.line


def test_nothing_measured_is_nothing_drawn() -> None:
    assert draw_lines([[]]) == []
    assert draw_ranges([], 50) == []
    assert draw_bars([], "ms") is None


@pytest.mark.parametrize(
    ("value", "at_least", "place"),
    [(10, True, 50), (80, True, 100), (1.25, True, 0), (1000, True, 100), (0, True, 0)],
)
def test_better_is_to_the_right_of_the_target(value: float, at_least: bool, place: float) -> None:
    assert place_of(value, 10, at_least) == pytest.approx(place)


def test_less_is_better_where_a_target_is_at_most() -> None:
    assert place_of(5, 10, at_least=False) > 50 > place_of(20, 10, at_least=False)
