"""`bursar monitor` and Prometheus come to the same, in each scenario and for every alert."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from bursar.cli import root
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.monitor import FIRING, PENDING, RULES, look
from bursar.ops.monitor.write import RULES_FILE
from tests.monitor_scenarios import SCENARIOS, Scenario
from tests.monitor_tellings import as_promtool, observe, set_clock, tell_database

SECONDS_MAX = 120


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise FileNotFoundError("promtool is not installed; it is in the package prometheus.")
        pytest.skip("promtool is not installed; it is in the package prometheus.")
    return found


@pytest.fixture(scope="module")
def judged(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, template) as database:
        yield database


class Asked:
    """Reads as the service's engine does, on one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        places = ", ".join(["%s"] * len(arguments))
        query = f"SELECT bursar.{function}({places})"
        return self._connection.execute(query.encode(), arguments).fetchall()[0][0]


def test_promtool_finds_nothing_wrong_with_the_rules(promtool: str) -> None:
    checked = run([promtool, "check", "rules", str(RULES_FILE)])

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_alerts_when_each_scenario_says_so(promtool: str, tmp_path: Path) -> None:
    files = []
    for number, scenario in enumerate(SCENARIOS):
        file = tmp_path / f"{number:02}-{scenario.name.replace(' ', '-')[:40]}.yml"
        file.write_text(as_promtool(scenario, RULES_FILE), "utf-8")
        files.append(str(file))

    tested = run([promtool, "test", "rules", *files])

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.count("SUCCESS") == len(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_bursar_monitor_comes_to_the_same(
    judged: ScratchDatabase, scenario: Scenario
) -> None:
    connection = judged.connect()
    tell_database(connection, scenario)
    for minute, firing in scenario.fires.items():
        set_clock(connection, minute)
        observe(connection, scenario, minute)

        report = await look(Asked(connection))

        assert {one.rule.name for one in report.firing} == firing, (minute, report.as_data())
        waiting = {one.rule.name for one in report.judged if one.state == PENDING}
        assert scenario.pending.get(minute, set()) <= waiting, minute


def test_each_alert_fires_in_a_scenario_and_clears_in_it() -> None:
    cleared: set[str] = set()
    for scenario in SCENARIOS:
        fired: set[str] = set()
        for firing in scenario.fires.values():
            cleared |= fired - firing
            fired |= firing

    assert cleared == {rule.name for rule in RULES}


def test_the_command_says_what_prometheus_says(
    judged: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_DATABASE_URL", judged.url)
    errors = next(scenario for scenario in SCENARIOS if scenario.name == "errors")
    tell_database(judged.connect(), errors)
    set_clock(judged.connect(), 40)

    fired = CliRunner().invoke(root.app, ["monitor", "--json"])
    set_clock(judged.connect(), 4)
    well = CliRunner().invoke(root.app, ["monitor"])

    assert fired.exit_code == 1, fired.stdout
    told = json.loads(fired.stdout)
    assert told["firing"] == ["error_rate", "error_rate_slo"]
    by_name = {one["rule"]: one for one in told["rules"]}
    assert by_name["error_rate"]["state"] == FIRING
    assert by_name["error_rate"]["value"] == pytest.approx(100 * 40 / 320, abs=0.01)
    assert (well.exit_code, "No alert fires" in well.stdout) == (0, True), well.stdout


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
