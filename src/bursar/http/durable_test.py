"""Carried out, or kept: what the service does with claims and events while the database is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bursar.claims.spool import Spool
from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.http import durable
from bursar.http.app import create_app
from bursar.http.conftest import SECRET, Door, client_of, shop_of
from bursar.http.durable import DurableLedger
from bursar.http.problem import ProblemError
from bursar.ledger.answer import away, refusal
from bursar.settings import Settings
from tests.app_store import AUTHORIZATION, CLAIM, WEBHOOK, Sold, posted
from tests.patience import PATIENCE_SECONDS

NOWHERE = "postgresql://127.0.0.1:1/none"
UNAVAILABLE = ProblemError(503, "UNAVAILABLE", "The database cannot be reached.")


class Ledger:
    """Answers as a test tells it to, and knows what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.kept: Any = {"status": "done", "effect": "queued"}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((verb, request))
        answer: dict[str, Any] = await self._say(self.answer or {"status": "done"})
        return answer

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        self.asked.append((function, {}))
        return await self._say(self.kept)

    async def _say(self, answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        if answer == "nothing":
            await asyncio.sleep(60)
        return answer


class Clock:
    """Stands still until a test lets time pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Log:
    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **values: Any) -> None:
        self.events.append(event)

    warning = error = info


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    made = Spool(tmp_path / "spool", 100_000)
    yield made
    made.close()


def durable_of(ledger: Any, spool: Spool | None) -> DurableLedger:
    return DurableLedger(ledger, spool, Log())


async def kept(spool: Spool) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kept.kind, one.kept.request) for one in await spool.waiting()]


@pytest.mark.parametrize(
    "said", [OutcomeUnknown("k"), away("claim_purchase"), UNAVAILABLE, "nothing"]
)
async def test_what_the_database_does_not_answer_is_kept(
    spool: Spool, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "PATIENCE_SECONDS", 0.05)
    door = durable_of(Ledger(said), spool)
    assert await door.claim({"tx_id": "1"}) is None
    assert await door.take_event({"event": {"id": "e"}}) is None
    assert await kept(spool) == [
        ("claim", {"tx_id": "1", "accepted": True}),
        ("event", {"event": {"id": "e"}}),
    ]


async def test_what_the_database_does_answer_is_passed_on(spool: Spool) -> None:
    ledger = Ledger(refusal("claim_purchase", "BUSY"))
    door = durable_of(ledger, spool)
    assert (await door.claim({"tx_id": "1"}) or {})["code"] == "BUSY"
    ledger.answer = refusal("claim_purchase", "CAP_EXCEEDED")
    assert (await door.claim({"tx_id": "1"}) or {})["code"] == "CAP_EXCEEDED"
    ledger.answer = Fault("a bug")
    with pytest.raises(Fault):
        await door.claim({"tx_id": "1"})
    assert spool.is_empty()
    assert [request for _, request in ledger.asked] == [{"tx_id": "1"}] * 3


async def test_while_it_is_away_one_of_many_tries_and_the_others_do_not_wait(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(durable, "time", clock)
    ledger, log = Ledger(away("claim_purchase")), Log()
    door = DurableLedger(ledger, spool, log)  # type: ignore[arg-type]  # what it asks of them
    for number in range(10):
        assert await door.claim({"tx_id": str(number)}) is None
    assert len(ledger.asked) == 1
    clock.now += durable.TRY_AGAIN_SECONDS
    await asyncio.gather(*(door.claim({"tx_id": "x"}) for _ in range(10)))
    assert len(ledger.asked) == 2
    ledger.answer = {"status": "done"}
    clock.now += durable.TRY_AGAIN_SECONDS
    assert await door.claim({"tx_id": "y"}) == {"status": "done"}
    assert log.events == ["database_away", "database_back"]


async def test_a_claim_that_comes_while_others_are_kept_may_wait_for_its_purchase(
    spool: Spool,
) -> None:
    ledger = Ledger()
    door = durable_of(ledger, spool)
    await door.claim({"tx_id": "1"})
    await spool.keep("event", {"event": {}})
    await door.claim({"tx_id": "1"})
    assert [request.get("accepted") for _, request in ledger.asked] == [None, True]


async def test_an_event_that_fails_or_comes_too_early_goes_into_the_inbox(spool: Spool) -> None:
    ledger = Ledger(Fault("a bug"))
    door = durable_of(ledger, spool)
    for said in (Fault("a bug"), refusal("take_store_event", "DEGRADED")):
        ledger.answer = said
        assert (await door.take_event({"event": {"id": "e"}}) or {})["effect"] == "kept"
    ledger.kept = refusal("keep_store_event", "MALFORMED")
    assert (await door.take_event({"event": {"id": "e"}}) or {})["code"] == "MALFORMED"
    assert spool.is_empty()
    for error in (Fault("lost"), Refused("BUSY"), UNAVAILABLE, OutcomeUnknown(None)):
        ledger.kept = error
        assert await durable_of(ledger, spool).take_event({"event": {"id": "e"}}) is None
    assert len(await kept(spool)) == 4


async def test_where_nothing_can_be_kept_nothing_is_accepted(tmp_path: Path) -> None:
    broken = Spool(tmp_path / "file" / "spool", 100_000)
    (tmp_path / "file").write_text("no directory")
    full = Spool(tmp_path / "full", 10)
    for spool in (None, broken, full):
        door = durable_of(Ledger(away("x")), spool)
        for asked in (door.claim({"tx_id": "1"}), door.take_event({"event": {}})):
            with pytest.raises(ProblemError) as raised:
                await asked
            assert (raised.value.status, raised.value.code) == (503, "UNAVAILABLE")


async def send(client: httpx.AsyncClient, sale: Sold) -> tuple[httpx.Response, httpx.Response]:
    me = Door.bearer("authenticated", sale.user_id)
    return (
        await client.post(WEBHOOK, **posted(sale.bought())),
        await client.post(CLAIM, json=sale.claim, headers=me),
    )


def away_settings(**more: Any) -> Settings:
    chosen = {"jwt_secret": SECRET, "log_level": "error", "retry_attempts": 1, **more}
    return Settings(database_url=NOWHERE, revenuecat_authorization=AUTHORIZATION, **chosen)


async def test_a_service_that_starts_without_its_database_accepts_and_a_later_one_carries_out(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    sale = Sold()
    app = create_app(None, away_settings(spool_directory=str(tmp_path)))
    async with client_of(app) as client:
        started = time.monotonic()
        event, claim = await send(client, sale)
        assert time.monotonic() - started < PATIENCE_SECONDS
        assert (event.status_code, event.json()["effect"]) == (200, "spooled")
        assert (claim.status_code, claim.json()["waits_for"]) == (202, "database")
        use = await client.post(
            "/functions/v1/use-item", json={}, headers=Door.bearer("authenticated", "ann")
        )
        assert (use.status_code, use.json()["error"]) == (503, "busy")
    await app.close()

    async with shop_of(database, spool_directory=str(tmp_path)) as shop:
        assert (await shop.claim(sale)).json()["waits_for"] == "purchase"
        await shop.app._worker.work(shop.app._ledger)
        assert shop.shields(sale.user_id) == 1
        assert (await shop.claim(sale)).json()["replayed"] is True


async def test_without_a_spool_it_is_503_as_long_as_the_database_is_away() -> None:
    app = create_app(None, away_settings())
    async with client_of(app) as client:
        event, claim = await send(client, Sold())
        assert (event.status_code, event.json()["code"]) == (503, "UNAVAILABLE")
        assert (claim.status_code, claim.json()["error"]) == (503, "busy")
        assert "retry-after" in event.headers
        assert "retry-after" in claim.headers
    await app.close()
