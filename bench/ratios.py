"""Comparisons within one run: each round gives a ratio, the report their median and spread."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.measure import Load
from bench.run import Run


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the smallest and largest of them."""

    median: float
    smallest: float
    largest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Return the spread of values; all zeros when there are none."""
        if not values:
            return cls(0.0, 0.0, 0.0)
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int = 2) -> str:
        """Return it as `median (smallest–largest)`."""
        return f"{self.median:,.{digits}f} ({self.smallest:,.{digits}f}–{self.largest:,.{digits}f})"

    def as_list(self) -> list[float]:
        """Return median, smallest and largest, for JSON."""
        return [round(value, 4) for value in (self.median, self.smallest, self.largest)]


def figure(run: Run, name: tuple[str, str, int], measure: Callable[[Load], float]) -> Spread:
    """Return the spread of a measure over the rounds of one cell."""
    return Spread.of([measure(load) for load in run.loads.get(name, [])])


def ratios(run: Run) -> dict[str, Spread]:
    """Return every comparison that the run allows, by the words it is reported in."""
    found: dict[str, Spread] = {}
    many = [callers for callers in run.plan.callers if callers > 8] or run.plan.callers
    for callers in many:
        at = f"at {callers} {'caller' if callers == 1 else 'callers'}"
        wanted = {
            f"engine: hot / spread, {at}": (("engine", "hot"), ("engine", "spread")),
            f"engine hot / classic hot, {at}": (("engine", "hot"), ("classic", "hot")),
            f"engine spread / classic spread, {at}": (("engine", "spread"), ("classic", "spread")),
            f"RPC hot / FastAPI classic hot, {at}": (("http", "hot"), ("classic_http", "hot")),
            f"RPC spread / FastAPI classic spread, {at}": (
                ("http", "spread"),
                ("classic_http", "spread"),
            ),
        }
        for words, ((path, scenario), (rival, other)) in wanted.items():
            ours = run.loads.get((path, scenario, callers), [])
            theirs = run.loads.get((rival, other, callers), [])
            pairs = zip(ours, theirs, strict=False)
            values = [a.per_second / b.per_second for a, b in pairs if b.per_second]
            if values:
                found[words] = Spread.of(values)
    for words, path, rival in (
        ("lone latency: engine / classic from Python", "engine", "classic"),
        ("lone latency: engine / SQL, one per call", "engine", "sql"),
        ("lone latency: SQL, one per call / classic from Python", "sql", "classic"),
        ("lone latency: RPC / FastAPI classic", "http", "classic_http"),
    ):
        medians = zip(run.lone.get(path, []), run.lone.get(rival, []), strict=False)
        found[words] = Spread.of([a / b for a, b in medians if b])
    found |= _database_ratios(run)
    return found


def _database_ratios(run: Run) -> dict[str, Spread]:
    """Compare PostgreSQL's processor time for a purchase, where the system tells it."""
    found = {}
    for callers in run.plan.callers:
        ours = run.loads.get(("engine", "spread", callers), [])
        theirs = run.loads.get(("classic", "spread", callers), [])
        values = [
            a.database_microseconds / b.database_microseconds
            for a, b in zip(ours, theirs, strict=False)
            if a.database_microseconds and b.database_microseconds
        ]
        if values:
            at = f"{callers} {'caller' if callers == 1 else 'callers'}"
            found[f"database CPU for a purchase: engine / classic, at {at}"] = Spread.of(values)
    return found
