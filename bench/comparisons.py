"""Comparisons within one run: each round gives a value, the report their median and spread."""

from dataclasses import dataclass

from bench.load import Load, Spread
from bench.run import Run
from bench.targets import COMPARISONS, Comparison, Point


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison came to. `values` has one for each round; it is empty when a path that it
    needs was not measured. `met` is None without a target, or without values."""

    comparison: Comparison
    values: tuple[float, ...]

    @property
    def spread(self) -> Spread | None:
        """The median of the rounds between the smallest and the largest."""
        return Spread.of(self.values) if self.values else None

    @property
    def target(self) -> float | None:
        """What it is to be at least, or at most."""
        at_least = self.comparison.at_least
        return self.comparison.at_most if at_least is None else at_least

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target."""
        if self.spread is None or self.target is None:
            return None
        if self.comparison.at_least is not None:
            return self.spread.median >= self.comparison.at_least
        return self.spread.median <= self.target


def findings(run: Run) -> list[Finding]:
    """Return what every comparison came to in this run."""
    return [Finding(comparison, _values(run, comparison)) for comparison in COMPARISONS]


def _values(run: Run, comparison: Comparison) -> tuple[float, ...]:
    ours = measured(run, comparison.ours)
    if comparison.theirs is None:
        return tuple(ours)
    theirs = measured(run, comparison.theirs)
    # A run that ended early has measured some cells once less than others.
    return tuple(a / b for a, b in zip(ours, theirs, strict=False) if b)


def measured(run: Run, point: Point) -> list[float]:
    """Return the figure of a point in each round; nothing where it was not measured."""
    if point.measure == "lone_ms":
        return run.lone.get(point.path, [])
    if point.measure == "open_p99_ms":
        opened = run.open_loads.get((point.path, point.scenario), [])
        return [load.percentile(99) for load in opened]
    loads = run.loads.get((point.path, point.scenario, point.callers), [])
    return [_figure(load, point) for load in loads]


def _figure(load: Load, point: Point) -> float:
    if point.measure == "p99_ms":
        return load.percentile(99)
    if point.measure == "database_us":
        return load.database_microseconds
    return load.per_second
