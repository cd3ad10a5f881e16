"""The rules: each figure, how it is formed, what it should be, and when somebody is alarmed.

This table is the only place where a threshold stands. The file of Prometheus rules and the
dashboard are written from it (`python -m bursar.ops.monitor.write`), and a test compares them.
"""

from dataclasses import dataclass
from typing import Literal

from bursar.ops.monitor import series as s
from bursar.ops.monitor.series import Series

Severity = Literal["critical", "warning", "info"]
Form = Literal["share", "other_share", "replays", "p95", "mean", "availability", "integrity"]
# Fewer answers than this in the window say nothing; fewer minutes say nothing of a day.
ENOUGH, ENOUGH_MINUTES = 20, 10
PERCENT, MS = "%", "ms"


@dataclass(frozen=True, slots=True)
class Rule:
    """One figure and its alarm.

    `form` is how the figure is made of the series: the share of `part` in `whole`, or what is left
    of it (`other_share`), the share of `whole` that was given again (`replays`), the 95th
    percentile or the mean of `whole`'s durations, the share of minutes in which the service was
    there, the share of wallets that are sound. It is formed over `window` minutes.

    The alarm is due while the figure is above `limit` (`above`) or below it, and has been for
    `lasting` minutes. `target` is what it should be, where that is not the limit. Limits and
    targets are percents or milliseconds, as `unit` says. With fewer than `enough` answers in the
    window there is no figure, and no alarm.
    """

    name: str
    title: str
    severity: Severity
    form: Form
    whole: Series
    window: int
    limit: float
    part: Series | None = None
    above: bool = True
    lasting: int = 0
    target: float | None = None
    unit: str = PERCENT
    enough: int = ENOUGH

    @property
    def alert(self) -> str:
        """The name of the alert in Prometheus: BursarErrorRate for error_rate."""
        return "Bursar" + "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def aim(self) -> float:
        """What the figure should be: the target, else the limit."""
        return self.limit if self.target is None else self.target

    def passes(self, value: float) -> bool:
        """Whether a figure is beyond the limit."""
        return value > self.limit if self.above else value < self.limit

    def misses(self, value: float) -> bool:
        """Whether a figure is not what it should be."""
        return value > self.aim if self.above else value < self.aim

    def sentence(self) -> str:
        """Say when the alarm is due."""
        sign = "above" if self.above else "below"
        lasting = f" for {spell(self.lasting)}" if self.lasting else ""
        return f"{self.title}: {sign} {self.limit:g} {self.unit} over {spell(self.window)}{lasting}"


def spell(minutes: int) -> str:
    """Write a span as people and Prometheus do: 15m, 1h, 1d."""
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


_BEATS = Series(s.BEATS, "minutes in which a process of the service wrote to the database")
_WALLETS = Series("wallets", "wallets, as they were checked last")

# One rule to a few lines; the formatter would make a dozen of them.
# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("error_rate", "Errors", "critical", "share", s.REQUESTS, 5, 5.0,
        part=s.ERRORS, lasting=15, target=1.0),
    Rule("error_rate_slo", "Errors, as promised", "warning", "share", s.REQUESTS, 15, 1.0,
        part=s.ERRORS),
    Rule("latency_p95", "p95 of answers", "warning", "p95", s.REQUESTS, 5, 300.0,
        lasting=30, unit=MS),
    Rule("latency_p95_slo", "p95 of answers, as promised", "warning", "p95", s.REQUESTS, 15, 500.0,
        unit=MS),
    Rule("claim_error_rate", "Errors of claims", "critical", "share", s.CLAIMS, 5, 5.0,
        part=s.CLAIM_ERRORS, lasting=15, target=1.0),
    Rule("claim_latency_p95", "p95 of claims", "warning", "p95", s.CLAIMS, 5, 300.0,
        lasting=30, unit=MS),
    Rule("cap_conflicts", "Claims over a cap", "info", "share", s.CLAIMS, 60, 10.0,
        part=s.CAP_CONFLICTS),
    Rule("purchase_success", "Purchases that succeed", "critical", "other_share",
        s.PURCHASES_ENDED, 15, 98.0, part=s.PURCHASES_FAILED, above=False, target=99.5),
    Rule("purchase_conflicts", "Purchases in conflict", "warning", "share",
        s.PURCHASES_ASKED, 15, 1.0, part=s.PURCHASE_CONFLICTS, target=0.1),
    Rule("purchase_time", "Mean time of a purchase for credits", "warning", "mean",
        s.CREDIT_PURCHASES, 15, 1000.0, unit=MS),
    Rule("duplicate_webhooks", "Events that came again", "warning", "replays",
        s.WEBHOOKS, 60, 10.0, target=5.0),
    Rule("availability", "Availability", "critical", "availability",
        _BEATS, 1440, 99.9, above=False, enough=ENOUGH_MINUTES),
    Rule("data_integrity", "Wallets that are sound", "critical", "integrity",
        _WALLETS, 15, 100.0, above=False, enough=1),
)
# fmt: on
BY_NAME = {rule.name: rule for rule in RULES}
