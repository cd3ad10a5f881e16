"""Calls of the claim address: each is counted, whatever came of it, and none is lost silently."""

import asyncio
from typing import Any

import msgspec
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http import function_metrics
from bursar.http.conftest import Shop, shop_of
from bursar.http.function_metrics import CALLS_MAX, PART, FunctionMetrics
from tests.app_store import CLAIM, Sold
from tests.patience import until


class Recorder:
    """Takes what is flushed, or fails to."""

    def __init__(self) -> None:
        self.parts: list[list[dict[str, Any]]] = []
        self.broken: Exception | None = None

    async def read(self, function: str, *arguments: str | int | None) -> None:
        if self.broken is not None:
            raise self.broken
        assert function == "record_function_metrics"
        self.parts.append(msgspec.json.decode(str(arguments[0])))


class Said:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.lines.append((event, values))

    warning = error = info


def metrics_of(recorder: Recorder) -> tuple[FunctionMetrics, Any, Said]:
    said = Said()
    return FunctionMetrics(said), recorder, said


async def test_every_claim_is_counted_with_what_its_caller_was_told(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    await shop.claim(sale)
    await shop.claim(await shop.sold(sale.user_id))
    await shop.claim(Sold())
    await shop.client.post(CLAIM, json=sale.claim)
    await shop.client.post(CLAIM, content=b"{", headers=shop.bearer("authenticated", "ann"))
    await shop.client.post("/functions/v1/use-item", json={})
    await shop.client.get(f"{CLAIM}?health=1")
    await shop.client.options(CLAIM)
    await shop.client.put(CLAIM)
    assert await shop.app.calls.flush(shop.app._ledger)

    counted = shop.rows(
        "SELECT function_name, status_code, error_code, count(*) FROM function_metrics"
        " WHERE duration_ms > 0 AND timestamp > now() - interval '1 minute'"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    assert counted == [
        ("claim", 200, None, 2),
        ("claim", 400, "invalid_request", 1),
        ("claim", 401, "unauthorized", 1),
        ("claim", 404, "unknown_transaction", 1),
        ("claim", 409, "cap_exceeded", 1),
        ("use-item", 401, "unauthorized", 1),
    ]
    [seen] = shop.rows(
        "SELECT total_claims, conflicts, cap_conflicts, conflict_percent"
        " FROM v_claim_conflicts_rolling"
    )
    assert (*seen[:3], float(seen[3])) == (6, 1, 1, 16.67)


async def test_calls_arrive_by_themselves_and_the_last_ones_when_it_stops(
    database: ScratchDatabase,
) -> None:
    async with shop_of(database) as shop:
        await shop.claim(Sold())
        for _ in range(100):
            if shop.rows("SELECT FROM function_metrics"):
                break
            await asyncio.sleep(0.05)
        await shop.claim(Sold())
    assert shop.rows("SELECT count(*) FROM function_metrics") == [(2,)]


async def test_a_claim_is_answered_also_when_it_cannot_be_counted(shop: Shop) -> None:
    sale = await shop.sold()
    shop.rows("SELECT pg_backend_pid()")
    shop.database.connect().execute("ALTER TABLE function_metrics RENAME TO gone")
    assert (await shop.claim(sale)).status_code == 200
    assert not await shop.app.calls.flush(shop.app._ledger)
    shop.database.connect().execute("ALTER TABLE gone RENAME TO function_metrics")
    assert await shop.app.calls.flush(shop.app._ledger)
    assert shop.rows("SELECT status_code FROM function_metrics") == [(200,)]


async def test_what_could_not_be_sent_is_sent_with_the_next_in_order() -> None:
    metrics, recorder, _ = metrics_of(Recorder())
    recorder.broken = OSError("gone")
    for number in range(PART + 5):
        metrics.count("claim", number, 0.01, None)
        if number % 1000 == 0:
            assert not await metrics.flush(recorder)
    recorder.broken = None
    assert await metrics.flush(recorder)
    assert [len(part) for part in recorder.parts] == [PART, 5]
    sent = [call["status_code"] for part in recorder.parts for call in part]
    assert sent == list(range(PART + 5))
    assert await metrics.flush(recorder)
    assert len(recorder.parts) == 2


async def test_what_has_to_be_let_go_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_metrics, "CALLS_MAX", 10)
    monkeypatch.setattr(function_metrics, "FLUSH_SECONDS", 0.01)
    assert CALLS_MAX > 10
    metrics, recorder, said = metrics_of(Recorder())
    recorder.broken = OSError("gone")
    metrics.start(recorder)
    for number in range(15):
        metrics.count("claim", number, 0.01, None)
    await until(lambda: bool(said.lines))
    await metrics.stop(recorder)
    assert said.lines == [
        ("calls_not_recorded", {"calls": 5}),
        ("calls_not_recorded", {"calls": 10}),
    ]


async def test_a_flush_that_is_cut_off_loses_nothing() -> None:
    class Slow(Recorder):
        async def read(self, function: str, *arguments: str | int | None) -> None:
            await asyncio.sleep(60)

    metrics, recorder, _ = metrics_of(Slow())
    metrics.count("claim", 200, 0.01, None)
    task = asyncio.ensure_future(metrics.flush(recorder))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    after: Any = Recorder()
    assert await metrics.flush(after)
    assert [call["status_code"] for call in after.parts[0]] == [200]
