"""A scenario as promtool reads it, and as the database has it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import psycopg

from bursar.ops.monitor.promql import annotations_of
from bursar.ops.monitor.rules import RULES
from bursar.ops.monitor.series import BOUNDS_MS
from tests.monitor_scenarios import Scenario, Traffic

BEGAN = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
WALLETS = 1000
_BOUNDS = [f"{bound / 1000:g}" for bound in BOUNDS_MS] + ["+Inf"]


def as_promtool(scenario: Scenario, rules: Path) -> str:
    """Return a file of promtool's tests; JSON is YAML."""
    series = [
        {"series": name, "values": _values(values)}
        for name, values in sorted(_counted(scenario).items())
    ]
    tests = [
        {
            "eval_time": f"{minute}m",
            "alertname": rule.alert,
            "exp_alerts": [
                {
                    "exp_labels": {"severity": rule.severity},
                    "exp_annotations": annotations_of(rule),
                }
            ]
            if rule.name in firing
            else [],
        }
        for minute, firing in scenario.fires.items()
        for rule in RULES
    ]
    return json.dumps(
        {
            "rule_files": [str(rules)],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
        }
    )


def _values(values: list[float]) -> str:
    """Write values as promtool reads them, those that grow alike in one go."""
    grown = [after - before for before, after in pairwise(values)]
    parts, at = [], values[0]
    for growth, run in groupby(grown):
        count = len(list(run))
        parts.append(f"{at + growth:.3f}{growth:+.3f}x{count - 1}")
        at += growth * count
    return " ".join([f"{values[0]:.3f}", *parts])


def _counted(scenario: Scenario) -> dict[str, list[float]]:
    """Every counter at each minute, from 0 on; and gauges."""
    grown: dict[str, list[float]] = {}
    for minute in range(scenario.minutes):
        for name, growth in _grown(scenario, minute):
            grown.setdefault(name, [0.0] * scenario.minutes)[minute] += growth
    counted = {name: _summed(growth) for name, growth in grown.items()}
    broken = [float(scenario.broken_at(minute)) for minute in range(scenario.minutes + 1)]
    # Two processes show the same gauge.
    for process in ("1", "2"):
        counted[f'bursar_wallets_broken{{process="{process}"}}'] = broken
        counted[f'bursar_wallets_checked{{process="{process}"}}'] = [WALLETS] * len(broken)
    return counted


def _summed(growth: list[float]) -> list[float]:
    values = [0.0]
    for one in growth:
        values.append(values[-1] + one)
    return values


def _grown(scenario: Scenario, minute: int) -> Iterator[tuple[str, float]]:
    yield 'bursar_heartbeats_total{process="1"}', 3.0 if scenario.beats(minute) else 0.0
    for one in scenario.traffic(minute):
        verb = f'verb="{one.verb}",process="1"'
        labels = f'{verb},kind="{one.kind}",outcome="{one.outcome}"'
        yield f"bursar_requests_total{{{labels}}}", one.each
        yield f"bursar_replays_total{{{verb}}}", one.replayed
        yield f"bursar_request_seconds_count{{{verb}}}", one.each
        yield f"bursar_request_seconds_sum{{{verb}}}", one.each * one.milliseconds / 1000
        for bound in _BOUNDS:
            within = bound == "+Inf" or one.milliseconds / 1000 <= float(bound)
            yield f'bursar_request_seconds_bucket{{{verb},le="{bound}"}}', one.each * within


def tell_database(connection: psycopg.Connection, scenario: Scenario) -> None:
    """Put a scenario into an emptied database, as the service would have counted it."""
    connection.execute("TRUNCATE bursar.metric_minute, bursar.heartbeat, bursar.observation")
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY bursar.metric_minute (minute, process, verb, outcome, kind, requests, replays,"
            " duration_ms_sum, duration_ms_max, buckets) FROM STDIN"
        ) as copy,
    ):
        for minute in range(scenario.minutes):
            for row in _rows(scenario.traffic(minute)):
                copy.write_row((at(minute), "p", *row))
    connection.execute(
        "INSERT INTO bursar.heartbeat SELECT minute, 'p' FROM unnest(%s::timestamptz[]) AS minute",
        [[at(minute) for minute in range(scenario.minutes) if scenario.beats(minute)]],
    )


def observe(connection: psycopg.Connection, scenario: Scenario, minute: int) -> None:
    """Write down that the wallets were checked then, as the service does all the time."""
    wallets = {"checked": WALLETS, "negative": 0, "broken": scenario.broken_at(minute)}
    connection.execute(
        "INSERT INTO bursar.observation VALUES (%s, %s)",
        [at(minute), json.dumps({"wallets": wallets})],
    )


def at(minute: int) -> datetime:
    """The moment at which a minute of the scenario begins."""
    return BEGAN + timedelta(minutes=minute)


def set_clock(connection: psycopg.Connection, minute: int) -> None:
    """Let it be a while after a minute has begun: long enough for what was before to be known."""
    moment = (at(minute) + timedelta(seconds=20)).isoformat()
    connection.execute(
        "CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
        f" RETURN '{moment}'::timestamptz".encode()
    )


def _rows(traffic: list[Traffic]) -> Iterator[tuple[Any, ...]]:
    found: dict[tuple[str, str], list[Traffic]] = {}
    for one in traffic:
        found.setdefault((one.verb, one.outcome), []).append(one)
    for (verb, outcome), alike in found.items():
        buckets: dict[str, int] = {}
        for one in alike:
            buckets[f"{one.bound:g}"] = buckets.get(f"{one.bound:g}", 0) + one.each
        yield (
            verb,
            outcome,
            alike[0].kind,
            sum(one.each for one in alike),
            sum(one.replayed for one in alike),
            sum(one.each * one.milliseconds for one in alike),
            max(one.milliseconds for one in alike),
            json.dumps(buckets),
        )
