"""The rules say what is promised, everywhere in the same words."""

import json
import re
from pathlib import Path

import pytest

from bursar.ops.monitor.dashboard import dashboard
from bursar.ops.monitor.judge import Figures, asked, judge, quantile
from bursar.ops.monitor.promql import rules_file
from bursar.ops.monitor.rules import BY_NAME, MS, RULES, Rule
from bursar.ops.monitor.series import BOUNDS_MS
from bursar.ops.monitor.write import DASHBOARD_FILE, RULES_FILE

DOCS = Path(__file__).parents[4] / "docs" / "monitoring.md"
AGAIN = "Write it anew: python -m bursar.ops.monitor.write"


def test_the_files_that_are_shipped_are_those_of_the_table() -> None:
    assert RULES_FILE.read_text("utf-8") == rules_file(), AGAIN
    assert json.loads(DASHBOARD_FILE.read_text("utf-8")) == dashboard(), AGAIN


def test_every_rule_is_documented_in_its_own_words() -> None:
    sections = dict(
        re.findall(r"^### (\w+)\n\n(.*?)(?=\n##|\Z)", DOCS.read_text("utf-8"), re.M | re.S)
    )

    assert list(sections) == [rule.name for rule in RULES]
    for rule in RULES:
        text = " ".join(sections[rule.name].split())
        assert text.startswith(f"{rule.sentence()}. {rule.severity.capitalize()}"), rule.name
        if rule.target is not None:
            assert f"should be at {'most' if rule.above else 'least'} {rule.target:g} %" in text


def test_the_thresholds_are_those_that_were_asked_for() -> None:
    """Once by hand, so that a slip in the table is seen."""
    assert {rule.name: (rule.limit, rule.lasting, rule.target) for rule in RULES} == {
        "error_rate": (5, 15, 1),
        "error_rate_slo": (1, 0, None),
        "latency_p95": (300, 30, None),
        "latency_p95_slo": (500, 0, None),
        "claim_error_rate": (5, 15, 1),
        "claim_latency_p95": (300, 30, None),
        "cap_conflicts": (10, 0, None),
        "purchase_success": (98, 0, 99.5),
        "purchase_conflicts": (1, 0, 0.1),
        "purchase_time": (1000, 0, None),
        "duplicate_webhooks": (10, 0, 5),
        "availability": (99.9, 0, None),
        "data_integrity": (100, 0, None),
    }


def test_limits_of_times_are_bounds_of_their_buckets() -> None:
    assert {rule.limit for rule in RULES if rule.unit == MS} <= set(BOUNDS_MS)


@pytest.mark.parametrize("rule", [r for r in RULES if r.form in ("p95", "mean", "replays")])
def test_what_has_times_is_chosen_by_verb_alone(rule: Rule) -> None:
    """Prometheus' histogram, and its count of replays, know neither kind nor outcome."""
    assert (rule.whole.kinds, rule.whole.outcomes) == (None, None)


def test_series_are_asked_for_as_long_as_their_rules_look_back() -> None:
    minutes = {one["name"]: (one["minutes"], one["timed"]) for one in asked()}

    assert minutes["requests"] == (60, True)
    assert minutes["claims"] == (60, True)
    assert minutes["beats"][0] == 1442
    assert minutes["errors"] == (20, False)


def test_a_quantile_is_that_of_prometheus() -> None:
    assert quantile(0.95, {100.0: 50, 300.0: 50}) == pytest.approx(280)
    assert quantile(0.95, {1.0: 100}) == pytest.approx(0.95)
    assert quantile(0.95, {float("inf"): 10}) == 10_000
    assert quantile(0.95, {300.0: 95, 500.0: 5}) == 300


def test_without_data_nothing_is_told_and_nobody_alarmed() -> None:
    for rule in RULES:
        judged = judge(rule, Figures({}))
        assert (judged.state, judged.value, judged.on_target) == ("no data", None, None)
        assert judged.says


def test_as_many_as_are_enough_say_something() -> None:
    def state(errors: int) -> str:
        rows = {1: {"requests": errors, "replays": 0, "duration_ms": 0.0, "buckets": {}}}
        minutes = {"requests": rows, "errors": rows}
        return judge(BY_NAME["error_rate_slo"], Figures(minutes)).state

    assert [state(19), state(20)] == ["no data", "firing"]
