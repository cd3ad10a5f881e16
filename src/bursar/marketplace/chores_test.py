"""The marketplace's part of a worker's round, and what does not stop it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.ledger.worker import Worker
from bursar.marketplace.card_company import CardCompany, CardCompanyError
from bursar.marketplace.chores import Chores
from bursar.settings import Settings
from tests import stand_in as staged
from tests.market import Payment, lead
from tests.owed_refund import Shop, given_back
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS
from tests.stand_in import StandIn

TRIES = 2


@pytest.fixture(scope="module")
def _stand_in() -> Iterator[StandIn]:
    with staged.stand_in() as running:
        yield running


@pytest.fixture
def stand_in(_stand_in: StandIn) -> Iterator[StandIn]:
    yield _stand_in
    _stand_in.ask("DELETE", "/_faults")


@pytest.fixture
def settings(stand_in: StandIn) -> Settings:
    return Settings(
        stripe_api_key=staged.KEY,
        stripe_api_base=stand_in.address,
        worker_interval_ms=50,
    )


@pytest.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[Engine]:
    async with await Engine.open(database.service_url) as opened:
        yield opened


@pytest.fixture
async def company(settings: Settings) -> AsyncIterator[CardCompany]:
    made = CardCompany(settings)
    yield made
    await made.close()


class Said:
    """A log that keeps what is said, as (event, values)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.lines.append((event, values))

    warning = info

    def count(self, event: str) -> int:
        return sum(said == event for said, _ in self.lines)


def worker_of(settings: Settings, company: CardCompany | None, said: Said) -> Worker:
    return Worker(settings, Chores(settings, company, said).steps(), said)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def shop(database: ScratchDatabase, engine: Engine, settings: Settings) -> Shop:
    return Shop(database, engine, settings)


async def test_reservations_that_are_over_lapse(shop: Shop) -> None:
    lead_id = lead(shop.database.connect(), 60)
    await shop.reserve(lead_id)
    worker = worker_of(Settings(), None, Said())
    await worker.work(shop.engine)
    assert shop.rows("SELECT marketplace_status FROM leads") == [("reserved",)]
    shop.lapse()
    await worker.work(shop.engine)
    assert shop.rows("SELECT marketplace_status FROM leads") == [("available",)]
    assert shop.rows("SELECT status FROM marketplace_purchases") == [("expired",)]


async def test_money_that_is_owed_is_given_back_once_by_however_many(
    shop: Shop, stand_in: StandIn, company: CardCompany, said: Said
) -> None:
    intent = await shop.owe(stand_in, company)
    workers = [worker_of(shop.settings, company, said) for _ in range(4)]

    await asyncio.gather(*(worker.work(shop.engine) for worker in workers))

    status, refund_id, attempts, last_error = shop.refund()
    assert (status, attempts, last_error) == ("issued", 1, None)
    assert refund_id.startswith("re_")
    assert given_back(stand_in, intent) == 60


async def test_a_refund_that_fails_is_tried_again_later_and_says_why(
    shop: Shop, stand_in: StandIn, company: CardCompany, said: Said
) -> None:
    intent = await shop.owe(stand_in, company)
    worker = worker_of(shop.settings, company, said)
    stand_in.ask("POST", "/_faults", {"fail_calls": TRIES, "fail_status": 500})

    for _ in range(2):  # The second round finds nothing due.
        await worker.work(shop.engine)

    status, refund_id, attempts, last_error = shop.refund()
    assert (status, refund_id, attempts) == ("owed", None, 1)
    assert "busy or out of order" in last_error
    assert staged.KEY not in last_error + str(said.lines)
    assert said.count("refund_failed") == 1
    shop.make_due()
    await worker.work(shop.engine)
    assert (shop.refund()[0], shop.refund()[2]) == ("issued", 2)
    assert given_back(stand_in, intent) == 60


async def test_a_refund_whose_answer_was_lost_is_not_given_twice(
    shop: Shop, stand_in: StandIn, company: CardCompany, said: Said
) -> None:
    intent = await shop.owe(stand_in, company)
    order = {"hang_calls": TRIES, "hang_seconds": AGE_SECONDS, "after_effect": True}
    stand_in.ask("POST", "/_faults", order)
    hasty = CardCompany(replace(shop.settings, stripe_timeout_ms=500))
    await worker_of(shop.settings, hasty, said).work(shop.engine)
    await hasty.close()
    assert shop.refund()[0] == "owed"
    assert given_back(stand_in, intent) == 60

    stand_in.ask("DELETE", "/_faults")
    shop.make_due()
    await worker_of(shop.settings, company, said).work(shop.engine)

    assert shop.refund()[0] == "issued"
    assert given_back(stand_in, intent) == 60


async def test_a_key_of_the_other_mode_is_not_asked(
    shop: Shop, stand_in: StandIn, company: CardCompany
) -> None:
    intent = await shop.owe(stand_in, company)
    live = Settings(stripe_api_key="sk_live_x", stripe_api_base=stand_in.address)
    await worker_of(live, company, Said()).work(shop.engine)
    assert shop.refund()[0] == "owed"
    assert "key is a live key" in shop.refund()[3]
    assert given_back(stand_in, intent) == 0


async def test_kept_events_take_effect_when_changes_go_on(shop: Shop) -> None:
    lead_id = lead(shop.database.connect(), 60)
    reserved = await shop.reserve(lead_id)
    payment = Payment(reserved["payment_id"], reserved["amount"])
    switch = shop.database.connect()
    switch.execute("UPDATE bursar.gate SET degraded = true")
    for event in (payment.completed(), payment.refunded(10)):
        text = json.dumps(event)
        assert (await shop.engine.read("keep_event", text))["effect"] == "kept"
    workers = [worker_of(Settings(), None, Said()) for _ in range(3)]

    await workers[0].work(shop.engine)
    assert shop.rows("SELECT DISTINCT status FROM bursar.inbox") == [("waiting",)]
    switch.execute("UPDATE bursar.gate SET degraded = false")
    await asyncio.gather(*(worker.work(shop.engine) for worker in workers))

    assert shop.rows("SELECT DISTINCT status FROM bursar.inbox") == [("done",)]
    assert shop.rows("SELECT status, refunded FROM card_payments") == [("paid", 10)]
    assert shop.rows("SELECT sold_count FROM leads") == [(1,)]


class Broken:
    """A ledger whose functions fail, each in the words that a test gives it."""

    def __init__(self, **failures: str) -> None:
        self.failures = failures
        self.asked: list[str] = []
        self.reads: dict[str, Any] = {}

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("Nothing is waiting.")

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        raise AssertionError("Nothing is waiting.")

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        self.asked.append(function)
        if function in self.failures:
            raise OSError(self.failures[function])
        return self.reads.get(function)

    async def round(self, number: int) -> None:
        """Wait until so many rounds came to their last step."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.asked.count("lease_card_refunds") < number:
                await asyncio.sleep(0.01)


async def test_a_step_that_fails_stops_neither_the_others_nor_the_rounds(
    settings: Settings, company: CardCompany, said: Said
) -> None:
    ledger = Broken(expire_lead_reservations="gone", waiting_stripe_events="gone")
    worker = worker_of(settings, company, said)
    worker.start(ledger)
    await ledger.round(3)
    assert ledger.asked.count("expire_lead_reservations") >= 3
    failed = {"step": "expire_reservations", "message": "gone"}
    assert said.lines.count(("worker_failed", failed)) == 1
    ledger.failures.clear()
    await ledger.round(ledger.asked.count("lease_card_refunds") + 2)
    await worker.stop()
    assert said.count("worker_recovered") == 2


async def test_it_stops_at_once_whatever_it_waits_for(settings: Settings, said: Said) -> None:
    class Slow(CardCompany):
        async def refund(self, refund_id: str, payment_intent: str, amount: int) -> str:
            begun.set()
            await asyncio.sleep(AGE_SECONDS)
            raise CardCompanyError("never", retriable=True)

    begun = asyncio.Event()
    ledger = Broken()
    owed = {"refund_id": "r", "payment_intent": "pi_1", "amount": 60, "mode": "test"}
    ledger.reads["lease_card_refunds"] = [owed]
    company = Slow(settings)
    worker = worker_of(settings, company, said)
    worker.start(ledger)
    await begun.wait()

    started = time.monotonic()
    await worker.stop()

    assert time.monotonic() - started < PATIENCE_SECONDS
    assert "bursar worker" not in {task.get_name() for task in asyncio.all_tasks()}
    assert "settle_card_refund" not in ledger.asked
    await company.close()


async def test_without_a_card_company_nothing_is_leased() -> None:
    ledger = Broken()
    await worker_of(Settings(), None, Said()).work(ledger)
    assert ledger.asked == ["expire_lead_reservations", "waiting_stripe_events"]
