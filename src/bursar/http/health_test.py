import time

import pytest

from bursar.http import health
from bursar.http.conftest import Door
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS


async def test_health_names_database_version_and_mode(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEEP_SECONDS", AGE_SECONDS)
    answer = await door.client.get("/health")
    body = answer.json()
    assert (answer.status_code, body["status"], body["degraded"]) == (200, "ok", False)
    assert body["database"]["reachable"] is True
    assert int(body["database"]["version"].split(".")[0]) >= 15
    assert body["version"]
    again = await door.client.get("/api/health")
    assert (again.status_code, again.json()) == (200, body)


async def test_health_says_that_the_gate_is_closed_and_is_still_well(door: Door) -> None:
    door.database.connect().execute("UPDATE bursar.gate SET degraded = true")
    answer = await door.client.get("/health")
    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    refused = await door.client.post(
        "/v1/grants", json={"owner_id": "o", "asset": "credit", "amount": 1}, headers=door.service
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "DEGRADED")
    assert refused.headers["retry-after"]


async def test_health_asks_nobody_for_a_token_and_hides_the_address(door: Door) -> None:
    answer = await door.client.get("/health", headers={"authorization": "Bearer x"})
    assert answer.status_code == 200
    assert "postgresql" not in answer.text


async def test_health_is_quick_when_the_database_is_stuck(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.client.get("/health")
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.5)
    holder = door.database.connect(autocommit=False)
    holder.execute("LOCK TABLE bursar.gate IN ACCESS EXCLUSIVE MODE")
    time.sleep(0.3)
    started = time.monotonic()
    answer = await door.client.get("/health")
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert answer.status_code == 503
    holder.rollback()
