import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bursar.cli import root
from bursar.db.scratch import ScratchDatabase
from bursar.ops.monitor.write import DASHBOARD_FILE, RULES_FILE
from tests.bell import TOKEN, Bell


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root.app, ["monitor", *arguments])


@pytest.fixture
def watched(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> ScratchDatabase:
    monkeypatch.setenv("BURSAR_DATABASE_URL", database.url)
    return database


def answer(database: ScratchDatabase, minutes_ago: int, **more: Any) -> None:
    """Let 100 requests have been answered in a minute."""
    values = {"kind": "done", "outcome": "done", "requests": 100} | more
    database.connect().execute(
        "INSERT INTO bursar.metric_minute (minute, process, verb, outcome, kind, requests, buckets)"
        " VALUES (date_trunc('minute', now()) - make_interval(mins => %s), 'p', 'grant', %s, %s,"
        " %s, '{\"5\": 100}')",
        [minutes_ago, values["outcome"], values["kind"], values["requests"]],
    )


def test_without_data_it_says_so_and_alarms_nobody(watched: ScratchDatabase) -> None:
    told = run()
    data = json.loads(run("--json").stdout)

    assert told.exit_code == 2
    assert "cannot be told" in told.stdout
    assert "no answers in 5m" in told.stdout
    assert (data["told"], data["firing"]) == (False, [])


def test_too_little_is_no_alarm(watched: ScratchDatabase) -> None:
    answer(watched, 3, kind="error", outcome="FAULT", requests=19)

    told = run()

    assert told.exit_code == 2
    assert "19 answers in 5m; 20 say something" in told.stdout


def test_a_span_of_ones_own_alarms_at_once(watched: ScratchDatabase) -> None:
    answer(watched, 3)
    answer(watched, 4, kind="error", outcome="FAULT", requests=4)

    alerts, span = run("--json"), run("--for", "15m", "--json")

    assert (alerts.exit_code, json.loads(alerts.stdout)["firing"]) == (1, ["error_rate_slo"])
    assert json.loads(span.stdout)["firing"] == ["error_rate_slo"]
    rules = {one["rule"]: one for one in json.loads(span.stdout)["rules"]}
    assert (rules["error_rate"]["window"], rules["error_rate"]["lasting"]) == ("15m", "0m")
    assert rules["error_rate"]["on_target"] is False


@pytest.mark.parametrize("span", ["", "15 minutes", "0", "25h", "-5m"])
def test_a_span_that_is_none_is_refused(watched: ScratchDatabase, span: str) -> None:
    refused = run("--for", span or "m")

    assert refused.exit_code == 2
    assert "such as 15m" in refused.stderr


def test_a_database_that_is_away_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_DATABASE_URL", "postgresql://nobody:geheim@127.0.0.1:1/none")

    told = run()

    assert told.exit_code == 2
    assert "It cannot be told how the service does." in told.stderr
    assert "geheim" not in told.stderr


def test_it_prints_what_is_shipped() -> None:
    assert run("--rules").stdout == RULES_FILE.read_text("utf-8")
    assert json.loads(run("--dashboard").stdout) == json.loads(DASHBOARD_FILE.read_text("utf-8"))


def test_a_webhook_is_told_once_and_its_address_to_nobody(
    watched: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(watched, 3)
    answer(watched, 4, kind="error", outcome="FAULT", requests=4)
    with Bell() as bell:
        monkeypatch.setenv("BURSAR_ALERT_WEBHOOK", bell.address)
        said = [run() for _ in range(2)]
        watched.connect().execute("DELETE FROM bursar.metric_minute WHERE kind = 'error'")
        said.append(run("--json"))
        bell.answers = [500, 500]
        answer(watched, 4, kind="error", outcome="FAULT", requests=9)
        said.append(run())
    heard = bell.heard()

    assert heard == [("error_rate_slo", "firing"), ("error_rate_slo", "resolved")]
    assert "could not be told: error_rate_slo: it answered 500" in said[-1].stderr
    assert all(TOKEN not in one.stdout + one.stderr for one in said)
    assert [one.exit_code for one in said] == [1, 1, 0, 1]
    both = run("--for", "5m", "--webhook", bell.address)
    assert (both.exit_code, TOKEN in both.stderr) == (2, False)


def test_an_address_that_is_none_is_refused_unspoken(watched: ScratchDatabase) -> None:
    refused = run("--webhook", f"gopher://{TOKEN}")

    assert refused.exit_code == 2
    assert "BURSAR_ALERT_WEBHOOK must be" in refused.stderr
    assert TOKEN not in refused.stderr
