"""The rules as Prometheus reads them: recorded figures, and alerts on them.

Each rule becomes two recorded series, `bursar:<name>:value` and `bursar:<name>:count`, and an
alert. Everything is summed over processes and instances; one Prometheus that watches several
deployments needs a group for each (docs/monitoring.md).
"""

import json
from collections.abc import Iterator

from bursar.ops.monitor.rules import RULES, Rule, spell
from bursar.ops.monitor.series import Series

REQUESTS, REPLAYS = "bursar_requests_total", "bursar_replays_total"
SECONDS = "bursar_request_seconds"
HEARTBEATS = "bursar_heartbeats_total"
CHECKED, BROKEN = "bursar_wallets_checked", "bursar_wallets_broken"
AVAILABLE = "bursar:available"
# A process says every twenty seconds that it is there; one minute may be missed at a scrape.
BEAT_WINDOW = "2m"
INTERVAL = "1m"
_HEAD = """\
# Written from src/bursar/ops/monitor/rules.py by `python -m bursar.ops.monitor.write`.
# `bursar monitor --rules` prints it. What each figure counts: docs/monitoring.md.
groups:
  - name: bursar
    interval: 1m
    rules:
"""


def increase(metric: str, series: Series, window: int, *more: str) -> str:
    """Return how much the counters of a series grew in so many minutes, each by itself."""
    return f"increase({metric}{series.selector(*more)}[{spell(window)}])"


def value_of(rule: Rule) -> str:
    """Return the expression of a rule's figure."""
    whole, window = rule.whole, rule.window
    match rule.form:
        case "share" | "other_share":
            assert rule.part is not None
            # What never happened has no series, and is none of it.
            part = f"(sum({increase(REQUESTS, rule.part, window)}) or vector(0))"
            share = f"100 * {part} / sum({increase(REQUESTS, whole, window)})"
            return share if rule.form == "share" else f"100 - {share}"
        case "replays":
            again = f"(sum({increase(REPLAYS, whole, window)}) or vector(0))"
            return f"100 * {again} / sum({increase(REQUESTS, whole, window)})"
        case "p95":
            buckets = increase(f"{SECONDS}_bucket", whole, window)
            return f"1000 * histogram_quantile(0.95, sum by (le) ({buckets}))"
        case "mean":
            total = f"sum({increase(f'{SECONDS}_sum', whole, window)})"
            return f"1000 * {total} / sum({increase(f'{SECONDS}_count', whole, window)})"
        case "availability":
            return f"100 * avg_over_time({AVAILABLE}[{spell(window)}])"
        case "integrity":
            return f"100 * (1 - max({BROKEN}) / max({CHECKED}))"


def count_of(rule: Rule) -> str:
    """Return the expression of how many answers, minutes or wallets a figure is made of."""
    match rule.form:
        case "p95" | "mean":
            return f"sum({increase(f'{SECONDS}_count', rule.whole, rule.window)})"
        case "availability":
            return f"count_over_time({AVAILABLE}[{spell(rule.window)}])"
        case "integrity":
            return f"max({CHECKED})"
        case _:
            return f"sum({increase(REQUESTS, rule.whole, rule.window)})"


def available() -> str:
    """Return whether the service wrote to its database lately, 1 or 0, once it ever had."""
    lately = f"sum(increase({HEARTBEATS}[{BEAT_WINDOW}])) > bool 0"
    ever = f"0 * sum(last_over_time({HEARTBEATS}[1d] offset {BEAT_WINDOW}))"
    return f"({lately}) or ({ever})"


def recorded(rule: Rule, what: str) -> str:
    """Return the name of a recorded series; `what` is value or count."""
    return f"bursar:{rule.name}:{what}"


def alert_of(rule: Rule) -> str:
    """Return the expression that is there while a rule's alarm is due."""
    sign = ">" if rule.above else "<"
    beyond = f"{recorded(rule, 'value')} {sign} {rule.limit:g}"
    return f"{beyond} and {recorded(rule, 'count')} >= {rule.enough}"


def annotations_of(rule: Rule) -> dict[str, str]:
    """Return what an alert says to people."""
    return {"summary": rule.sentence(), "runbook": f"docs/monitoring.md#{rule.name}"}


def rules_file() -> str:
    """Return the file of rules."""
    return _HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _record(AVAILABLE, available())
    for rule in RULES:
        yield from _record(recorded(rule, "value"), value_of(rule))
        yield from _record(recorded(rule, "count"), count_of(rule))
    for rule in RULES:
        yield f"      - alert: {rule.alert}"
        yield f"        expr: {json.dumps(alert_of(rule))}"
        if rule.lasting:
            yield f"        for: {spell(rule.lasting)}"
        yield f"        labels: {json.dumps({'severity': rule.severity})}"
        yield "        annotations:"
        for name, text in annotations_of(rule).items():
            yield f"          {name}: {json.dumps(text)}"


def _record(name: str, expression: str) -> Iterator[str]:
    yield f"      - record: {json.dumps(name)}"
    yield f"        expr: {json.dumps(expression)}"
