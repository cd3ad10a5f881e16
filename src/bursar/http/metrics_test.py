import asyncio
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bursar.http.conftest import Door
from bursar.http.metrics import Metrics
from bursar.http.metrics_minute import ROWS_MAX, MinuteMetrics


class Recorder:
    """Takes what is flushed, or fails to."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.broken = False
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def read(self, function: str, *arguments: str | int | None) -> None:
        if self.broken:
            raise OSError("gone")
        assert function == "record_minutes"
        self.begun.set()
        await self.go_on.wait()
        self.bodies.append(str(arguments[0]))


async def test_requests_are_counted_by_verb_and_outcome(door: Door) -> None:
    buyer, me = door.user()
    _, seller = door.user()
    await door.grant(buyer, 100)
    reward, dear = await door.reward(seller, 60), await door.reward(seller, 600)
    for _ in range(2):
        await door.buy(reward, buyer, me | {"idempotency-key": "k"})
    await door.buy(dear, buyer, me)
    text = (await door.client.get("/metrics")).text
    found = {
        (sample.name, sample.labels.get("verb"), sample.labels.get("outcome")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["bursar_requests_total", "purchase_reward", "done"] == 2
    assert found["bursar_requests_total", "purchase_reward", "INSUFFICIENT_FUNDS"] == 1
    assert found["bursar_replays_total", "purchase_reward", None] == 1
    assert found["bursar_request_seconds_count", "purchase_reward", None] == 3
    assert found["bursar_engine_batches_total", None, None] >= 4
    assert ("bursar_engine_queue_length", None, None) in found
    assert buyer not in text
    assert reward not in text


async def test_a_batch_is_counted_by_its_outcomes(door: Door) -> None:
    user, _ = door.user()
    wallet = {"owner_id": user, "asset": "credit"}
    requests = [{"verb": "grant", **wallet, "amount": 5}, {"verb": "spend", **wallet, "amount": 9}]
    await door.client.post("/v1/batch", json={"requests": requests}, headers=door.service)
    text = (await door.client.get("/metrics")).text
    assert 'bursar_requests_total{kind="done",outcome="done",verb="grant"} 1.0' in text
    assert (
        'bursar_requests_total{kind="unaffordable",outcome="INSUFFICIENT_FUNDS",verb="spend"} 1.0'
        in text
    )


async def test_paths_that_do_not_exist_make_no_series(door: Door) -> None:
    for number in range(50):
        await door.client.get(f"/v1/nothing-{number}")
        await door.client.post(f"/rest/v1/rpc/nothing_{number}", headers=door.service)
    text = (await door.client.get("/metrics")).text
    assert "nothing" not in text


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.http.metrics.SERIES_MAX", 5)
    metrics = Metrics()
    for number in range(50):
        metrics.count(f"verb_{number}", "done", 0.1, replayed=False)
    assert metrics.render().count(b"bursar_requests_total{") == 6


async def test_minutes_reach_the_database_and_add_up(door: Door) -> None:
    user, _ = door.user()
    for _ in range(2):
        await door.grant(user, 5)
        assert await door.app.minutes.flush(door.app._ledger)
    rows = (
        door.database.connect()
        .execute(
            "SELECT sum(requests), max(duration_ms_sum) > 0 FROM bursar.metric_minute"
            " WHERE verb = 'grant' AND outcome = 'done'"
        )
        .fetchone()
    )
    assert rows == (2, True)


async def test_what_could_not_be_flushed_is_sent_with_the_next() -> None:
    minutes, recorder = MinuteMetrics(), Recorder()
    minutes.count("grant", "done", 0.002)
    recorder.broken = True
    assert not await minutes.flush(recorder)  # type: ignore[arg-type]  # it reads only
    recorder.broken = False
    minutes.count("grant", "done", 0.004)
    assert await minutes.flush(recorder)  # type: ignore[arg-type]  # it reads only
    assert await minutes.flush(recorder)  # type: ignore[arg-type]  # it reads only
    assert len(recorder.bodies) == 1
    assert '"requests":2' in recorder.bodies[0]
    assert '"duration_ms_sum":6.0' in recorder.bodies[0]
    assert '"duration_ms_max":4.0' in recorder.bodies[0]


async def test_a_flush_answers_when_what_another_sends_has_arrived_too() -> None:
    minutes, recorder = MinuteMetrics(), Recorder()
    recorder.go_on.clear()
    minutes.count("grant", "done", 0.002)
    other = asyncio.create_task(minutes.flush(recorder))  # type: ignore[arg-type]  # it reads only
    await recorder.begun.wait()
    flush = asyncio.create_task(minutes.flush(recorder))  # type: ignore[arg-type]  # it reads only
    await asyncio.sleep(0)
    assert not flush.done()
    recorder.go_on.set()
    assert await flush
    assert len(recorder.bodies) == 1
    assert await other


def test_a_duration_is_counted_in_its_own_bucket_only() -> None:
    minutes = MinuteMetrics()
    minutes.count("grant", "done", 0.3)
    minutes.count("grant", "done", 60)
    (row,) = minutes._rows.items()
    shown = minutes._as_json(*row)["buckets"]
    assert {name: count for name, count in shown.items() if count} == {"300": 1, "+Inf": 1}


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = MinuteMetrics()
    now = time.time()
    for number in range(ROWS_MAX + 10):
        monkeypatch.setattr(time, "time", lambda at=now + 60 * number: at)
        minutes.count("grant", "done", 0.1)
    assert (len(minutes._rows), minutes.dropped) == (ROWS_MAX, 10)
