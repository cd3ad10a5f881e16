"""The geometry of the page's plots: where every line, bar and label goes. The templates draw it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# One unit is a pixel on a narrow phone; wider screens scale the drawing up.
WIDTH = 440
_LINES_HEIGHT = 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 138, 14, 34
_LABEL_GAP = 15
_ROW = 26
# Of plots with a row for each path: where the names end, and what is kept for a figure behind.
_NAMES, _FIGURES = 166, 58


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, and what it says."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Series:
    """One path's points, in the order in which they are joined: (x, y), both above zero."""

    path: str
    title: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point on the drawing, and what is said when somebody points at it."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A series on the drawing, with the place of its label."""

    path: str
    title: str
    dots: tuple[Dot, ...]
    label_y: float

    @property
    def corners(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True, slots=True)
class Lines:
    """A plot of lines over two logarithmic axes."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[DrawnLine, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: from `begin` to `end`, marks between them, and its figure in words."""

    path: str
    title: str
    y: float
    begin: float
    end: float
    marks: tuple[Dot, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A plot with a row for each path. `line` is where a target stands, if there is one."""

    width: float
    height: float
    left: float
    right: float
    row: float
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    line: float | None = None


def say_throughput(x: float, y: float) -> str:
    """Say what a point of throughput over callers means."""
    return f"{y:,.0f} purchases/s, {_callers(x)}"


def draw_lines(
    plots: Sequence[Sequence[Series]], say: Callable[[float, float], str] = say_throughput
) -> list[Lines]:
    """Return a plot for each of `plots`, all over the same axes; `say` says what a point means."""
    points = [point for plot in plots for one in plot for point in one.points]
    if not points:
        return []
    xs = sorted({x for x, _ in points})
    low, high = _decade_parts(min(y for _, y in points), max(y for _, y in points))
    right, bottom = WIDTH - _RIGHT, _LINES_HEIGHT - _BOTTOM
    x_of = _LogScale(xs[0], xs[-1], _LEFT + 8, right - 8)
    y_of = _LogScale(low, high, bottom, _TOP)
    return [
        Lines(
            WIDTH,
            _LINES_HEIGHT,
            _LEFT,
            right,
            _TOP,
            bottom,
            tuple(Tick(x_of(x), f"{x:g}") for x in xs),
            tuple(Tick(y_of(y), _short(y)) for y in _ticks(low, high)),
            _lines(plot, x_of, y_of, say),
        )
        for plot in plots
    ]


def _lines(
    plot: Sequence[Series],
    x_of: "_LogScale",
    y_of: "_LogScale",
    say: Callable[[float, float], str],
) -> tuple[DrawnLine, ...]:
    drawn = []
    for one in plot:
        dots = tuple(Dot(x_of(x), y_of(y), f"{one.title}: {say(x, y)}") for x, y in one.points)
        if dots:
            drawn.append((one, dots))
    places = _apart([dots[-1].y for _, dots in drawn], _LABEL_GAP, _TOP, _LINES_HEIGHT - _BOTTOM)
    return tuple(
        DrawnLine(one.path, one.title, dots, place)
        for (one, dots), place in zip(drawn, places, strict=True)
    )


def draw_bars(rows: Sequence[tuple[str, str, float]], unit: str) -> Bars | None:
    """Return bars from zero, one for each (path, title, value); None when there is none."""
    if not rows:
        return None
    left, right = _NAMES, WIDTH - _FIGURES
    top = max(value for *_, value in rows) or 1.0
    bars = tuple(
        Bar(path, title, n * _ROW, left, left + (right - left) * value / top, (), _figure(value))
        for n, (path, title, value) in enumerate(rows)
    )
    return Bars(WIDTH, len(rows) * _ROW + 6, left, right, _ROW, (Tick(left, unit),), bars)


Percentiles = tuple[float, float, float]


def draw_ranges(
    plots: Sequence[Sequence[tuple[str, str, Percentiles]]], target: float
) -> list[Bars]:
    """Return a plot of latencies for each of `plots`, all over the same logarithmic axis.

    A row is a path, its title and p50, p95 and p99 in milliseconds; `target` is drawn as a line.
    """
    values = [value for plot in plots for *_, three in plot for value in three if value > 0]
    if not values:
        return []
    left, right = _NAMES, WIDTH - _FIGURES
    low, high = _decade_parts(min(*values, target), max(*values, target))
    x_of = _LogScale(low, high, left, right)
    ticks = tuple(Tick(x_of(value), _short(value)) for value in _ticks(low, high, few=True))
    return [
        Bars(
            WIDTH,
            len(plot) * _ROW + 26,
            left,
            right,
            _ROW,
            ticks,
            tuple(_range(n * _ROW, row, x_of) for n, row in enumerate(plot)),
            x_of(target),
        )
        for plot in plots
    ]


def _range(y: float, row: tuple[str, str, Percentiles], x_of: "_LogScale") -> Bar:
    path, title, three = row
    marks = tuple(
        Dot(x_of(value), y, f"{title}: {name} {value:.1f} ms")
        for name, value in zip(("p50", "p95", "p99"), three, strict=True)
    )
    return Bar(path, title, y, marks[0].x, marks[-1].x, marks, _figure(three[2]))


def place_of(value: float, target: float, at_least: bool) -> float:
    """Return where a value stands beside its target, from 0 to 100: 50 is the target itself.

    To the right is better. Eight times the target, or an eighth of it, is the edge.
    """
    if value <= 0 or target <= 0:
        return 0.0
    better = value / target if at_least else target / value
    return 50 + 50 * max(-1.0, min(1.0, math.log(better) / math.log(8)))


class _LogScale:
    """Maps [low, high] to [begin, end] by the logarithm."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self._low, self._width = math.log(low), max(1e-9, math.log(high) - math.log(low))
        self._begin, self._length = begin, end - begin

    def __call__(self, value: float) -> float:
        return self._begin + self._length * (math.log(value) - self._low) / self._width


def _decade_parts(low: float, high: float) -> tuple[float, float]:
    """Return the nearest of 1, 2 and 5 times a power of ten below and above."""
    below = 10 ** math.floor(math.log10(low))
    above = 10 ** math.floor(math.log10(high))
    begin = max(part * below for part in (1, 2, 5) if part * below <= low)
    end = min(part * above for part in (1, 2, 5, 10) if part * above >= high)
    return begin, end if end > begin else 10 * begin


def _ticks(low: float, high: float, *, few: bool = False) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten within, or 1 and 3 times where those are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    parts = (1, 3) if few or high / low > 500 else (1, 2, 5)
    found = [part * 10.0**power for power in range(first, last + 1) for part in parts]
    return [value for value in found if low <= value <= high * 1.0001]


def _apart(places: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Move labels apart until none covers another.

    Those that would touch form a block, whose middle is where its labels want to be on average.
    """
    order = sorted(range(len(places)), key=lambda n: places[n])
    blocks: list[list[int]] = []

    def begin_of(block: list[int]) -> float:
        height = gap * (len(block) - 1)
        middle = sum(places[n] for n in block) / len(block)
        return max(top, min(bottom - height, middle - height / 2))

    for n in order:
        blocks.append([n])
        while len(blocks) > 1:
            above, below = blocks[-2], blocks[-1]
            if begin_of(above) + gap * len(above) <= begin_of(below):
                break
            blocks[-2:] = [above + below]
    moved = list(places)
    for block in blocks:
        for step, n in enumerate(block):
            moved[n] = begin_of(block) + gap * step
    return moved


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _callers(number: float) -> str:
    return "1 caller" if number == 1 else f"{number:g} callers"
