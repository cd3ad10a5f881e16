"""Judges the rules by counts per minute, as Prometheus does by its series.

A figure is formed over the whole minutes of its window. An alarm that has to last is due when the
figure was beyond its limit now and at the end of each minute before, as long as it has to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bursar.ops.monitor.rules import RULES, Rule, spell
from bursar.ops.monitor.series import BEATS, BOUNDS_MS, SHOWN, SHOWN_MINUTES

OK, PENDING, FIRING, UNTOLD = "ok", "pending", "firing", "no data"
_QUANTILE = 0.95
# As in Prometheus, where a heartbeat may be missed at one scrape.
_BEAT_MINUTES = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known: counts by series and by how many minutes ago they ended, and the wallets."""

    minutes: Mapping[str, Mapping[int, Mapping[str, Any]]]
    beats: frozenset[int] = frozenset()
    wallets: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, read: Mapping[str, Any], wallets: Mapping[str, Any] | None) -> "Figures":
        """Return what `bursar.read_minutes` has answered, in order."""
        minutes: dict[str, dict[int, Mapping[str, Any]]] = {}
        for row in read["minutes"]:
            minutes.setdefault(row["series"], {})[int(row["ago"])] = row
        return cls(minutes, frozenset(int(ago) for ago in read["beats"]), wallets)

    def total(self, series: str, what: str, window: int, shift: int = 0) -> float:
        """Add up a column over `window` minutes that ended `shift` minutes ago."""
        rows = self.minutes.get(series, {})
        agos = range(shift + 1, shift + window + 1)
        return sum(float(rows[ago][what] or 0) for ago in agos if ago in rows)

    def buckets(self, series: str, window: int, shift: int) -> dict[float, float]:
        """Add up the durations over a window: how many were in each bucket, by upper bound."""
        found: dict[float, float] = {}
        rows = self.minutes.get(series, {})
        for ago in range(shift + 1, shift + window + 1):
            for bound, count in rows.get(ago, {}).get("buckets", {}).items():
                upper = float(bound.replace("+Inf", "inf"))
                found[upper] = found.get(upper, 0) + float(count)
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """How one rule stands. `value` is None where it cannot be told; `says` is why, or how long."""

    rule: Rule
    state: str
    value: float | None
    count: float
    says: str = field(default="")

    @property
    def on_target(self) -> bool | None:
        """Whether the figure is what it should be; None where that cannot be told."""
        return None if self.value is None else not self.rule.misses(self.value)

    def as_data(self) -> dict[str, Any]:
        """Return it for programs."""
        rule = self.rule
        return {
            "rule": rule.name,
            "title": rule.title,
            "severity": rule.severity,
            "state": self.state,
            "value": None if self.value is None else round(self.value, 4),
            "unit": rule.unit,
            "alarm": "above" if rule.above else "below",
            "threshold": rule.limit,
            "target": rule.aim,
            "on_target": self.on_target,
            "window": spell(rule.window),
            "lasting": spell(rule.lasting),
            "count": round(self.count),
            "says": self.says,
        }


def asked(rules: Sequence[Rule] = RULES) -> list[dict[str, Any]]:
    """Return what `bursar.read_minutes` has to be asked for."""
    wanted = {series.name: (series, SHOWN_MINUTES, False) for series in SHOWN}
    for rule in rules:
        span = rule.window + rule.lasting + (_BEAT_MINUTES if rule.whole.name == BEATS else 0)
        for series in (rule.whole, rule.part):
            if series is not None and rule.form != "integrity":
                _, minutes, timed = wanted.get(series.name, (series, 0, False))
                timed = timed or rule.form in ("p95", "mean")
                wanted[series.name] = (series, max(minutes, span), timed)
    return [series.asked(minutes, timed=timed) for series, minutes, timed in wanted.values()]


def judge(rule: Rule, figures: Figures) -> Judged:
    """Say how a rule stands."""
    value, count = measure(rule, figures, 0)
    if value is None:
        return Judged(rule, UNTOLD, None, count, _why(rule, count))
    lasted = 0
    while lasted <= rule.lasting and _is_beyond(rule, figures, lasted):
        lasted += 1
    if not lasted:
        return Judged(rule, OK, value, count)
    if lasted > rule.lasting:
        return Judged(rule, FIRING, value, count)
    return Judged(rule, PENDING, value, count, f"for {lasted - 1} of {rule.lasting} minutes")


def measure(rule: Rule, figures: Figures, shift: int) -> tuple[float | None, float]:
    """Return a rule's figure as it was so many minutes ago, and what it was made of.

    There is no figure, None, where it is made of too little.
    """
    if rule.form == "integrity":
        checked = float((figures.wallets or {}).get("checked", 0))
        broken = float((figures.wallets or {}).get("broken", 0))
        return (100 * (1 - broken / checked) if checked >= rule.enough else None), checked
    if rule.form == "availability":
        return _availability(rule, figures, shift)
    count = figures.total(rule.whole.name, "requests", rule.window, shift)
    if count < rule.enough:
        return None, count
    return _formed(rule, figures, shift, count), count


def _formed(rule: Rule, figures: Figures, shift: int, count: float) -> float:
    whole, window = rule.whole.name, rule.window
    match rule.form:
        case "p95":
            return quantile(_QUANTILE, figures.buckets(whole, window, shift))
        case "mean":
            return figures.total(whole, "duration_ms", window, shift) / count
        case "replays":
            return 100 * figures.total(whole, "replays", window, shift) / count
        case _:
            assert rule.part is not None
            share = 100 * figures.total(rule.part.name, "requests", window, shift) / count
            return share if rule.form == "share" else 100 - share


def _availability(rule: Rule, figures: Figures, shift: int) -> tuple[float | None, float]:
    """Return the share of minutes with a heartbeat in them or in the minute before."""
    beats = figures.beats
    known = min(max(beats, default=0) - shift, rule.window)
    if known < rule.enough:
        return None, max(known, 0)
    there = sum(
        any(ago + back in beats for back in range(_BEAT_MINUTES))
        for ago in range(shift + 1, shift + known + 1)
    )
    return 100 * there / known, known


def quantile(which: float, buckets: Mapping[float, float]) -> float:
    """Return a quantile of durations in buckets, by their upper bounds, as Prometheus does.

    Within a bucket they are taken to be spread evenly; of what is beyond the last finite bound
    nothing but that bound is known.
    """
    rank = which * sum(buckets.values())
    below, lower = 0.0, 0.0
    for upper in BOUNDS_MS:
        count = buckets.get(upper, 0.0)
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return BOUNDS_MS[-1]


def _is_beyond(rule: Rule, figures: Figures, shift: int) -> bool:
    value, _ = measure(rule, figures, shift)
    return value is not None and rule.passes(value)


def _why(rule: Rule, count: float) -> str:
    """Say why a figure cannot be told."""
    if rule.form == "integrity":
        return "no wallets, or nobody has looked at them lately"
    if rule.form == "availability":
        return f"{count:g} minutes are known; {rule.enough} say something"
    if not count:
        return f"no answers in {spell(rule.window)}"
    return f"{count:g} answers in {spell(rule.window)}; {rule.enough} say something"
