"""The dashboard for Grafana, written from the rules: each figure with its limit and its target.

Figures are drawn from the recorded series, so the rules must be loaded; beside them are what is
counted as it is. The datasource is a variable.
"""

import json
from collections.abc import Iterator
from typing import Any

from bursar.ops.monitor.promql import AVAILABLE, REQUESTS, SECONDS, recorded
from bursar.ops.monitor.rules import PERCENT, RULES, Rule
from bursar.ops.monitor.series import (
    BUSY,
    RATE_LIMITED,
    REFUND_REQUESTS,
    VIOLATIONS,
    Series,
)
from bursar.ops.monitor.series import REQUESTS as ANSWERED

SCHEMA_VERSION = 39  # Grafana 11; older ones from 8 on read it as well
UID = "bursar"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 7, 3
_GREEN, _YELLOW, _RED = "green", "yellow", "red"
_INTERVAL = "$__rate_interval"


def _rate(series: Series, by: str = "") -> str:
    """Return how many answers of a series come each second."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({REQUESTS}{series.selector()}[{_INTERVAL}]))"


# Title, unit of Grafana's, and each line: its expression and its name.
_COUNTED: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("Answers by kind", "reqps", ((_rate(ANSWERED, "kind"), "{{kind}}"),)),
    ("Answers by verb", "reqps", ((_rate(ANSWERED, "verb"), "{{verb}}"),)),
    (
        "Times of answers",
        "s",
        tuple(
            (
                f"histogram_quantile({quantile}, sum by (le)"
                f" (rate({SECONDS}_bucket{ANSWERED.selector()}[{_INTERVAL}])))",
                f"p{100 * quantile:g}",
            )
            for quantile in (0.5, 0.95, 0.99)
        ),
    ),
    ("Rate limits", "reqps", ((_rate(RATE_LIMITED, "verb"), "{{verb}}"),)),
    (
        "Refunds, by the hour",
        "short",
        (
            ("max by (of, result) (increase(bursar_refunds_total[1h]))", "{{of}} {{result}}"),
            (f"sum(increase({REQUESTS}{REFUND_REQUESTS.selector()}[1h]))", "asked for over HTTP"),
            ("max(bursar_card_refunds_failed)", "card refunds that fail"),
        ),
    ),
    (
        "Locks",
        "short",
        (
            ("max(bursar_lock_waits)", "sessions that wait"),
            ("max(increase(bursar_deadlocks_total[1h]))", "deadlocks in an hour"),
            (f"sum(increase({REQUESTS}{BUSY.selector()}[1h]))", "BUSY in an hour"),
        ),
    ),
    (
        "Constraint violations, by the hour",
        "short",
        ((f"sum(increase({REQUESTS}{VIOLATIONS.selector()}[1h]))", "refused by a constraint"),),
    ),
    (
        "Balances",
        "short",
        (
            ("max(bursar_negative_balances)", "below zero"),
            ("max(bursar_wallets_broken)", "not sound"),
        ),
    ),
    (
        "What waits",
        "short",
        (
            ("max by (queue) (bursar_waiting)", "{{queue}}"),
            ("sum(bursar_engine_queue_length)", "in the engine"),
        ),
    ),
    ("There", "short", ((AVAILABLE, "the service wrote to its database"),)),
    (
        "Last look at the database",
        "s",
        (("time() - max(bursar_observed_timestamp_seconds)", "seconds ago"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": UID,
        "title": "Bursar",
        "tags": ["bursar"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": list(_panels()),
    }


def dashboard_file() -> str:
    """Return the dashboard as a file."""
    return json.dumps(dashboard(), indent=2) + "\n"


def expressions() -> list[str]:
    """Return every expression of the dashboard."""
    return [target["expr"] for panel in _panels() for target in panel["targets"]]


def _panels() -> Iterator[dict[str, Any]]:
    for place, rule in enumerate(RULES):
        yield _panel(
            place, rule.title, "percent" if rule.unit == PERCENT else "ms", _lines(rule)
        ) | {
            "description": f"{rule.sentence()} ({rule.severity}).",
            "fieldConfig": _thresholds(rule),
        }
    for place, (title, unit, lines) in enumerate(_COUNTED, len(RULES)):
        yield _panel(place, title, unit, lines)


def _lines(rule: Rule) -> tuple[tuple[str, str], ...]:
    return ((recorded(rule, "value"), rule.title),)


def _panel(place: int, title: str, unit: str, lines: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    row, column = divmod(place, _COLUMNS)
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": row * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": name,
            }
            for number, (expression, name) in enumerate(lines)
        ],
    }


def _thresholds(rule: Rule) -> dict[str, Any]:
    """Return lines at the target and at the limit, and the colours between them."""
    if rule.above:
        steps = [(None, _GREEN), *([(rule.aim, _YELLOW)] if rule.aim != rule.limit else [])]
        steps.append((rule.limit, _RED))
    else:
        steps = [(None, _RED), *([(rule.limit, _YELLOW)] if rule.aim != rule.limit else [])]
        steps.append((rule.aim, _GREEN))
    return {
        "defaults": {
            "unit": "percent" if rule.unit == PERCENT else "ms",
            **({"max": 100} if not rule.above else {"min": 0}),
            "custom": {"thresholdsStyle": {"mode": "line"}},
            "thresholds": {
                "mode": "absolute",
                "steps": [{"value": value, "color": color} for value, color in steps],
            },
        },
        "overrides": [],
    }
