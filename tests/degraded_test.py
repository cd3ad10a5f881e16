"""Once the pause is acknowledged nothing is written; whoever may still write is named."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest
from psycopg.types.json import Jsonb

import bursar
from bursar.client import Bank
from bursar.errors import Refused
from bursar.ops.degraded import switch
from bursar.settings import Settings
from tests.app_store import Sold
from tests.ledger_in_sql import Ledger

pytestmark = pytest.mark.postgres_versions("15", "18")
REFUSED = r"DEGRADED|READ COMMITTED"
ISOLATION = ("read committed", "repeatable read", "serializable")
WHY, KIM = "the disk is full", "operator:kim"


@pytest.fixture
async def bank(ledger: Ledger) -> AsyncIterator[Bank]:
    settings = Settings(busy_timeout_ms=25_000)  # Whoever is held up by raw writers gets its turn.
    async with bursar.connect(ledger.database.service_url, settings=settings) as connected:
        yield connected
        await switch(connected, on=False, reason=WHY, actor=KIM)


async def test_changes_are_refused_and_reading_goes_on(bank: Bank, ledger: Ledger) -> None:
    owner = ledger.funded(5)

    paused = await switch(bank, on=True, reason=WHY, actor=KIM)

    assert (paused.degraded, paused.acknowledged, paused.changed) == (True, True, True)
    refused = await bank.spend(owner_id=owner, asset="credit", amount=1)
    assert refused.code == "DEGRADED"
    wallet = await bank.wallet(owner, "credit")
    assert wallet is not None
    assert wallet.balance == 5
    again = await switch(bank, on=True, reason="again", actor="operator:lee")
    assert (again.changed, again.reason) == (False, "the disk is full")
    await switch(bank, on=False, reason="there is room", actor="operator:kim")
    assert (await bank.spend(owner_id=owner, asset="credit", amount=1)).done
    assert ledger.rows(
        "SELECT degraded, reason FROM bursar.gate_change ORDER BY id DESC LIMIT 2"
    ) == [
        (False, "there is room"),
        (True, "the disk is full"),
    ]


async def test_without_a_reason_nothing_is_switched(bank: Bank, ledger: Ledger) -> None:
    for reason, actor in (("", "operator:kim"), (" ", "operator:kim"), ("why", "")):
        with pytest.raises(Refused, match="MALFORMED"):
            await switch(bank, on=True, reason=reason, actor=actor)
    assert ledger.value("SELECT degraded FROM bursar.gate") is False


async def test_a_forgotten_transaction_is_named_and_waited_for(bank: Bank, ledger: Ledger) -> None:
    owner = ledger.funded(5)
    told: list[int] = []
    with psycopg.connect(ledger.database.url, application_name="forgotten") as forgotten:
        spend = {"owner_id": owner, "asset": "credit", "amount": 1}
        forgotten.execute("SELECT bursar.spend(%s)", [Jsonb([spend])])

        paused = await switch(
            bank,
            on=True,
            reason=WHY,
            actor=KIM,
            wait_seconds=3,
            on_wait=lambda writers: told.append(len(writers)),
        )

        assert not paused.acknowledged
        [writer] = paused.writers
        assert (writer["pid"], writer["application"]) == (
            forgotten.info.backend_pid,
            "forgotten",
        )
        assert set(told) == {1}
        # Nobody queues behind it: others are refused at once.
        assert (await bank.spend(owner_id=owner, asset="credit", amount=1)).code == "DEGRADED"
        waiting = asyncio.create_task(switch(bank, on=True, reason=WHY, actor=KIM, wait_seconds=10))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        forgotten.rollback()
        assert (await waiting).acknowledged


@pytest.mark.parametrize("isolation", ISOLATION)
@pytest.mark.parametrize("role", ["service_role", "bursar_operator"])
async def test_plain_sql_of_apps_is_refused_and_the_operators_goes_on(
    bank: Bank, ledger: Ledger, role: str, isolation: str
) -> None:
    owner = ledger.funded(5)
    await switch(bank, on=True, reason=WHY, actor=KIM)
    writer = ledger.database.connect(role)
    writer.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
    update = "UPDATE public.user_credits SET balance = balance + 1 WHERE user_id = %s"
    if role == "bursar_operator":
        assert writer.execute(update, [owner]).rowcount == 1
    else:
        with pytest.raises(psycopg.Error, match=REFUSED):
            writer.execute(update, [owner])
        with pytest.raises(psycopg.Error, match=REFUSED):
            writer.execute(
                "INSERT INTO public.rewards (creator_id, name, cost) VALUES"
                " (gen_random_uuid(), 'r', 1)"
            )


class Traffic:
    """Everybody who writes or reads, until told to stop, and what they saw."""

    def __init__(self, bank: Bank, ledger: Ledger) -> None:
        self._bank = bank
        self._ledger = ledger
        self._stop = threading.Event()
        self._owners = [ledger.funded(100_000) for _ in range(8)]
        self._threads = [threading.Thread(target=self._raw, args=(level,)) for level in ISOLATION]
        self.failed_reads = 0
        self.faults: list[str] = []
        self.landed: list[str] = []

    async def run(self, work: Callable[[], Awaitable[int]]) -> int:
        """Let them all go on while `work` is done, and return what it returns."""
        for thread in self._threads:
            thread.start()
        everybody = (*map(self._spend, self._owners), self._read(), self._tell())
        tasks = [asyncio.create_task(each) for each in everybody]
        try:
            done = await work()
        finally:
            self._stop.set()
            await asyncio.gather(*tasks)
            for thread in self._threads:
                thread.join()
        return done

    async def _spend(self, owner: str) -> None:
        while not self._stop.is_set():
            outcome = await self._bank.spend(owner_id=owner, asset="credit", amount=1)
            assert outcome.done or outcome.code == "DEGRADED"

    async def _read(self) -> None:
        while not self._stop.is_set():
            self.failed_reads += await self._bank.wallet(self._owners[0], "credit") is None

    async def _tell(self) -> None:
        """What a store tells lands, whichever way the switch stands at that moment."""
        while not self._stop.is_set():
            event = Sold().bought()
            outcome = await self._bank.call("take_store_event", {"event": event})
            if outcome.get("code") == "DEGRADED":
                outcome = await self._bank.read("keep_store_event", json.dumps(event))
            assert outcome["status"] == "done", outcome
            self.landed.append(event["id"])
            await asyncio.sleep(0.01)

    def _raw(self, isolation: str) -> None:
        with psycopg.connect(self._ledger.database.url, autocommit=True) as connection:
            connection.execute("SET ROLE service_role")
            connection.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
            while not self._stop.is_set():
                try:
                    connection.execute(
                        "UPDATE public.user_credits SET balance = balance + 1 WHERE user_id = %s",
                        [self._owners[0]],
                    )
                except psycopg.errors.SerializationFailure:
                    pass  # PostgreSQL's own answer to those two levels.
                except psycopg.Error as error:
                    if not re.search(REFUSED, str(error)):
                        self.faults.append(str(error))


async def test_fifty_switches_under_load_and_no_write_after_any_of_them(
    bank: Bank, ledger: Ledger
) -> None:
    traffic = Traffic(bank, ledger)
    newest = "SELECT coalesce(max(id), 0) FROM bursar.transaction"
    first = ledger.value(newest)

    async def switch_fifty_times() -> int:
        late = 0
        for _ in range(50):
            paused = await switch(bank, on=True, reason=WHY, actor=KIM)
            assert paused.acknowledged
            before = await asyncio.to_thread(ledger.value, newest)
            await asyncio.sleep(0.03)
            late += await asyncio.to_thread(ledger.value, newest) - before
            await switch(bank, on=False, reason=WHY, actor=KIM)
            await asyncio.sleep(0.02)
        return late

    late = await traffic.run(switch_fifty_times)

    written = ledger.value(newest) - first
    found = "SELECT count(*) FROM bursar.inbox WHERE event_id = ANY(%s)"
    kept = ledger.value(f"{found} AND status = 'waiting'", traffic.landed)
    print(  # noqa: T201 - the figures of the run
        f"50 pauses, {written} transactions, {late} after an acknowledgement;"
        f" {len(traffic.landed)} events of the store, of which {kept} wait"
    )
    assert (late, traffic.failed_reads, traffic.faults) == (0, 0, [])
    assert written > 50
    assert ledger.value(found, traffic.landed) == len(traffic.landed)
    assert 0 < kept < len(traffic.landed)
    ledger.keeps_its_promises()
