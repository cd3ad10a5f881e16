"""The charts as numbers: the figures of the alert rules over time, as `bursar monitor` forms them.

Points lie at the ends of whole minutes, by the database's clock, `step` minutes apart. A figure is
formed over its rule's own window; for long ranges counts are read in spans of `unit` minutes, and
windows are rounded up to whole spans, so that nothing falls between two points. Where a rule has no
figure there is none here: the line has a gap.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from bursar.ops.monitor.judge import Figures, measure, quantile
from bursar.ops.monitor.rules import BY_NAME, MS, PERCENT, Rule, spell
from bursar.ops.monitor.series import REQUESTS, Series

Value = float | None
_ASIDE = REQUESTS.not_verbs
DONE = Series("done", "of these, carried out", not_verbs=_ASIDE, kinds=("done",))
CONFLICTS = Series("conflicts", "of these, 409", not_verbs=_ASIDE, kinds=("conflict",))
ERRORS = BY_NAME["error_rate"].part
_COUNTED = (("all", REQUESTS), ("done", DONE), ("conflicts", CONFLICTS), ("errors", ERRORS))
_QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
# Which rules are drawn together.
_DRAWN = (
    ("errors", "Errors", ("error_rate", "error_rate_slo")),
    ("success", "Purchases that succeed", ("purchase_success",)),
    ("purchase_conflicts", "Purchases in conflict", ("purchase_conflicts",)),
)
_LATENCY = ("latency_p95", "latency_p95_slo")
_SEEN_MINUTES = 3
_SEEN = (
    ("locks", "Lock waits", "sessions", (("waiting for a lock", "waits"),)),
    (
        "waiting",
        "Queue and inbox",
        "waiting",
        (
            ("claims", "claims"),
            ("inbox", "inbox"),
            ("jobs", "generation"),
            ("refunds", "card_refunds"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Range:
    """How far a chart looks back, how far its points are apart, and what is counted together.

    All in minutes; `step` is a multiple of `unit`, and `minutes` of `step`.
    """

    name: str
    title: str
    minutes: int
    step: int
    unit: int = 1

    @property
    def keep_seconds(self) -> float:
        """How long what was read is shown to everybody: half of what lies between two points."""
        return self.step * 30.0


RANGES = {
    one.name: one
    for one in (
        Range("1h", "1 hour", 60, 1),
        Range("6h", "6 hours", 360, 1),
        Range("24h", "24 hours", 1440, 2),
        Range("7d", "7 days", 10_080, 10, 10),
    )
}


@dataclass(frozen=True, slots=True)
class Line:
    """Values from the oldest to the newest; None where there is none."""

    name: str
    values: list[Value]

    @property
    def last(self) -> Value:
        """The newest value."""
        return self.values[-1] if self.values else None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit or a target, drawn as a line with its name."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one grid of moments: the first at `begin` (seconds since 1970), `step` apart."""

    name: str
    title: str
    unit: str
    begin: int
    step: int
    lines: Sequence[Line]
    thresholds: Sequence[Threshold] = field(default=())

    def as_data(self) -> dict[str, Any]:
        """Return it for scripts."""
        return asdict(self)


def asked_for(span: Range) -> list[dict[str, Any]]:
    """Return what `bursar.read_minutes` has to be asked for."""
    rules = [BY_NAME[name] for _, _, names in _DRAWN for name in names]
    wanted = {series.name: series for _, series in _COUNTED if series is not None}
    for rule in rules:
        for series in (rule.whole, rule.part):
            if series is not None:
                wanted[series.name] = series
    minutes = span.minutes + max(_window(rule, span) * span.unit for rule in rules)
    return [one.asked(minutes, timed=one is REQUESTS) for one in wanted.values()]


def charts_of(
    span: Range, read: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]
) -> list[Chart]:
    """Return all charts, made of what `read_minutes` and `read_observations` have answered.

    With a unit of several minutes, `read` is what `read_minutes_apart` has answered.
    """
    figures = Figures.of(read, None)
    until = int(datetime.fromisoformat(read["until"]).timestamp())
    each = span.step // span.unit
    shifts = range((span.minutes - span.step) // span.unit, -1, -each)
    begin, step = until - shifts[0] * span.unit * 60, span.step * 60

    def line(name: str, value: Callable[[int], Value]) -> Line:
        return Line(name, [_rounded(value(shift)) for shift in shifts])

    def drawn(name: str, title: str, rules: Sequence[Rule]) -> Chart:
        lines = [
            line(f"over {spell(one.window * span.unit)}", _figure(figures, one)) for one in rules
        ]
        return Chart(name, title, PERCENT, begin, step, lines, _thresholds(rules))

    counted = [
        line(name, _each_minute(figures, series, each, span.step))
        for name, series in _COUNTED
        if series is not None
    ]
    latency = [_over(BY_NAME[name], span) for name in _LATENCY]
    timed = [line(name, _latency(figures, latency[0], which)) for which, name in _QUANTILES]
    return [
        Chart("requests", "Requests", "each minute", begin, step, counted),
        *(
            drawn(name, title, [_over(BY_NAME[rule], span) for rule in rules])
            for name, title, rules in _DRAWN
        ),
        Chart("latency", "Time to answer", MS, begin, step, timed, _thresholds(latency)),
        *_observed(span, until, seen),
    ]


def _over(rule: Rule, span: Range) -> Rule:
    """Return a rule whose window is in units, and leaves nothing out between two points."""
    return replace(rule, window=_window(rule, span))


def _window(rule: Rule, span: Range) -> int:
    return -(-max(rule.window, span.step) // span.unit)


def _figure(figures: Figures, rule: Rule) -> Callable[[int], Value]:
    return lambda shift: measure(rule, figures, shift)[0]


def _each_minute(
    figures: Figures, series: Series, window: int, minutes: int
) -> Callable[[int], Value]:
    return lambda shift: figures.total(series.name, "requests", window, shift) / minutes


def _latency(figures: Figures, rule: Rule, which: float) -> Callable[[int], Value]:
    def at(shift: int) -> Value:
        if measure(rule, figures, shift)[0] is None:
            return None
        return quantile(which, figures.buckets(rule.whole.name, rule.window, shift))

    return at


def _thresholds(rules: Sequence[Rule]) -> list[Threshold]:
    found = []
    for rule in rules:
        side = "above" if rule.above else "below"
        name = f"alert {side} {rule.limit:g} {rule.unit}"
        found.append(Threshold(f"{rule.title}: {name}", rule.limit))
        if rule.target is not None and rule.target not in [one.limit for one in rules]:
            found.append(Threshold(f"target {rule.target:g} {rule.unit}", rule.target))
    return found


def _observed(span: Range, until: int, seen: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return what was found out about once a minute: every minute is a point.

    Looks drift against the clock, so a minute without one shows what was found two minutes before
    it at most; after that nothing is known.
    """
    by_ago: dict[int, Mapping[str, Any]] = {}
    for one in seen:
        for later in range(_SEEN_MINUTES):
            by_ago[int(one["ago"]) - later] = one
    agos = range(span.minutes - 1, -1, -1)
    begin = until - agos[0] * 60
    charts = []
    for name, title, unit, columns in _SEEN:
        lines = [
            Line(line, [by_ago.get(ago, {}).get(column) for ago in agos])
            for line, column in columns
        ]
        charts.append(Chart(name, title, unit, begin, 60, lines))
    return charts


def _rounded(value: Value) -> Value:
    return None if value is None else round(value, 3)
