"""The charts' numbers are those of `bursar monitor`, and one reading serves everybody."""

import re
from datetime import datetime
from typing import Any

from bursar.console.conftest import Desk
from bursar.ops.monitor.look import look
from bursar.ops.monitor.rules import BY_NAME
from tests.monitor_scenarios import WELL, Scenario, Traffic
from tests.monitor_tellings import set_clock, tell_database

LATE = 63
TROUBLED = Scenario(
    "errors and conflicts, and slow",
    (
        (0, 200, WELL),
        (
            40,
            LATE,
            (
                Traffic(kind="error", outcome="FAULT", each=30, milliseconds=700),
                Traffic("purchase_reward", "conflict", "BUSY", each=7, milliseconds=90),
                Traffic("purchase_reward", "error", "FAULT", each=9, milliseconds=900),
            ),
        ),
    ),
    {LATE: set()},
)
DRAWN = {
    "error_rate": ("errors", 0),
    "error_rate_slo": ("errors", 1),
    "purchase_success": ("success", 0),
    "purchase_conflicts": ("purchase_conflicts", 0),
    "latency_p95": ("latency", 1),
}


async def charts(desk: Desk, span: str) -> dict[str, Any]:
    answer = await desk.client.get(f"/console/charts/data?range={span}")
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["charts"]}


async def test_the_last_points_are_what_the_monitor_says(desk: Desk) -> None:
    tell_database(desk.ledger.admin, TROUBLED)
    set_clock(desk.ledger.admin, LATE)
    await desk.sign_in("viewer", "vic")

    found = await charts(desk, "1h")

    report = await look(desk.app.pages.state.ledger)
    judged = {one.rule.name: one for one in report.judged}
    for name, (chart, line) in DRAWN.items():
        value = judged[name].value
        assert value is not None, name
        assert found[chart]["lines"][line]["values"][-1] == round(value, 3), name
    assert judged["error_rate"].value not in (0, None)
    all_of_them = found["requests"]["lines"][0]["values"]
    assert sum(all_of_them) == report.figures["requests_last_hour"]
    assert len(all_of_them) == 60
    # Before the trouble there was none: the line is over time, not one figure.
    assert found["errors"]["lines"][0]["values"][10] == 0
    assert found["requests"]["begin"] + 59 * 60 == until_of(report.until)


def until_of(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


async def test_a_week_is_added_up_to_the_same_numbers(desk: Desk) -> None:
    tell_database(desk.ledger.admin, TROUBLED)
    set_clock(desk.ledger.admin, LATE)
    await desk.sign_in("viewer", "vic")
    hour, week = await charts(desk, "1h"), await charts(desk, "7d")
    for at in range(4):
        minute_by_minute = hour["requests"]["lines"][at]["values"]
        tens = [sum(minute_by_minute[n : n + 10]) / 10 for n in range(0, 60, 10)]
        assert week["requests"]["lines"][at]["values"][-6:] == [round(one, 3) for one in tens]
    # The error rate is over ten minutes here, and over five there: at the end both are steady.
    assert week["errors"]["lines"][0]["values"][-1] == hour["errors"]["lines"][0]["values"][-1]
    assert week["latency"]["lines"][1]["values"][-1] == hour["latency"]["lines"][1]["values"][-1]
    assert week["errors"]["lines"][0]["name"] == "over 10m"


async def test_thresholds_are_those_of_the_rules_and_named(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    found = await charts(desk, "24h")
    for name, (chart, _) in DRAWN.items():
        rule = BY_NAME[name]
        drawn = {one["value"]: one["name"] for one in found[chart]["thresholds"]}
        assert rule.title in drawn[rule.limit], name
    said = await desk.look("/console/charts?range=24h")
    assert "p95 of answers: alert above 300 ms" in said


async def test_a_range_has_its_points_and_its_gaps(desk: Desk) -> None:
    desk.ledger.admin.execute(
        "TRUNCATE bursar.observation; INSERT INTO bursar.observation"
        " SELECT date_trunc('minute', bursar.clock()) - make_interval(mins => n),"
        " jsonb_build_object('locks', jsonb_build_object('waits', n % 7), 'waiting',"
        ' \'{"claims": 1, "inbox": 2, "generation": 3, "card_refunds": 4}\'::jsonb)'
        " FROM generate_series(5, 10075) AS n",
        prepare=False,
    )
    await desk.sign_in("viewer", "vic")
    for span, points, each_minute in (("1h", 60, 60), ("6h", 360, 360), ("7d", 1008, 10_080)):
        found = await charts(desk, span)
        assert len(found["requests"]["lines"][0]["values"]) == points
        waits = found["locks"]["lines"][0]["values"]
        assert len(waits) == each_minute
        assert waits[-1] is None
        assert {*waits[:-10]} - {None} == set(range(7))
        assert found["locks"]["begin"] + (each_minute - 1) * 60 == (
            found["requests"]["begin"] + (points - 1) * found["requests"]["step"]
        )


async def test_everybody_who_looks_shares_one_reading(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    before = await charts(desk, "1h")
    desk.ledger.admin.execute(
        "INSERT INTO bursar.observation VALUES"
        " (bursar.clock() - interval '5 minutes', '{\"locks\": {\"waits\": 77}}')"
    )
    assert await charts(desk, "1h") == before


async def test_without_a_script_there_are_figures_and_tables(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    for span in ("1h", "7d"):
        said = await desk.look(f"/console/charts?range={span}")
        assert "Requests, each minute" in said
        assert len(re.findall(r"<tbody>", desk.page)) == 7
        assert desk.page.count("<tr>") <= 7 * 62
    await desk.look("/console/charts?range=1y", 422)
