"""What was accepted is carried out once it can be: in order, once, and nothing is dropped."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bursar.claims.chores import Chores
from bursar.claims.replay import replay_queue, replay_spool
from bursar.claims.spool import Spool
from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.app_store import Sold, new_user, transfer


class Shop:
    """A database of claims, an engine for it, and a spool."""

    def __init__(self, database: ScratchDatabase, engine: Engine, spool: Spool) -> None:
        self.database = database
        self.engine = engine
        self.spool = spool

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.connect().execute(query.encode(), values).fetchall()

    def switch(self, key: str, value: Any) -> None:
        self.rows(
            "UPDATE store_config SET value = %s WHERE key = %s RETURNING 1", json.dumps(value), key
        )

    async def take(self, event: dict[str, Any]) -> dict[str, Any]:
        return await self.engine.call("take_store_event", {"event": event})

    async def claim(self, sale: Sold, **more: Any) -> dict[str, Any]:
        return await self.engine.call("claim_purchase", request(sale, **more))

    def queue(self) -> list[tuple[str, str]]:
        return self.rows("SELECT status, waits_for FROM claim_queue ORDER BY id")

    def granted(self) -> list[str]:
        return [tx_id for (tx_id,) in self.rows("SELECT tx_id FROM purchase_claims ORDER BY 1")]


def request(sale: Sold, **more: Any) -> dict[str, Any]:
    caller = {"role": "authenticated", "sub": sale.user_id}
    return {"user_id": sale.user_id, **sale.claim, "caller": caller, "actor": "user:x", **more}


@pytest.fixture
async def shop(database: ScratchDatabase, tmp_path: Path) -> AsyncIterator[Shop]:
    spool = Spool(tmp_path / "spool", 1_000_000)
    settings = Settings(busy_timeout_ms=100, lock_timeout_ms=50)
    async with await Engine.open(database.service_url, settings) as engine:
        yield Shop(database, engine, spool)
    spool.close()


async def test_events_come_before_claims_and_each_takes_effect_once(shop: Shop) -> None:
    sales = [Sold() for _ in range(4)]
    for sale in sales:
        await shop.spool.keep("claim", request(sale, accepted=True))
    for sale in reversed(sales):
        await shop.spool.keep("event", {"event": sale.bought()})
    progress = await replay_spool(shop.engine, shop.spool)
    assert (progress.done, progress.aside, progress.left) == (8, 0, 0)
    assert shop.granted() == sorted(sale.tx_id for sale in sales)
    assert shop.spool.is_empty()
    assert (await replay_spool(shop.engine, shop.spool)).done == 0
    assert (await replay_queue(shop.engine)).done == 0
    assert shop.rows("SELECT count(*) FROM bursar.entry WHERE owner_id <> 'system:external'") == [
        (4,)
    ]


class OpenedMeanwhile:
    """An engine during whose replay claims are opened: after its first look at what waits."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        found = await self._shop.engine.read(function, *arguments)
        if function == "waiting_store_work":
            self._shop.switch("claims_mode", {"mode": "open"})
        return found

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._shop.engine.call(verb, request)

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return await self._shop.engine.call_batch(verb, requests)


async def test_events_come_first_also_where_claims_are_opened_in_the_middle_of_it(
    shop: Shop,
) -> None:
    sale, heir = Sold(), new_user()
    await shop.take(sale.bought())
    shop.switch("claims_mode", {"mode": "queue"})
    assert (await shop.claim(sale))["queued"] == "opening"
    moved = transfer(sale.user_id, heir, sale.at_ms + 1000)
    assert (await shop.take(moved))["effect"] == "queued"

    await replay_queue(OpenedMeanwhile(shop))
    await replay_queue(shop.engine)

    # It belonged to somebody else by the time that it could be claimed.
    assert shop.granted() == []
    assert (await shop.claim(sale))["code"] == "TRANSACTION_OWNED_BY_OTHER"


async def test_a_claim_that_was_accepted_waits_for_its_purchase_however_it_was_accepted(
    shop: Shop,
) -> None:
    from_spool, from_queue, both = Sold(), Sold(), Sold()
    await shop.spool.keep("claim", request(from_spool, accepted=True))
    await replay_spool(shop.engine, shop.spool)
    shop.switch("claims_mode", {"mode": "queue"})
    assert (await shop.claim(from_queue))["queued"] == "opening"
    await shop.spool.keep("claim", request(both, accepted=True))
    await replay_spool(shop.engine, shop.spool)
    shop.switch("claims_mode", {"mode": "open"})

    await replay_queue(shop.engine)

    assert shop.queue() == [("waiting", "purchase")] * 3
    for sale in (from_spool, from_queue, both):
        assert (await shop.take(sale.bought()))["effect"] == "applied"
    assert len(shop.granted()) == 3
    assert {status for status, _ in shop.queue()} == {"done"}


async def test_a_claim_goes_on_waiting_while_its_purchase_is_provisional(shop: Shop) -> None:
    sale = Sold()
    await shop.claim(sale, accepted=True)
    await shop.take(sale.event("TEMPORARY_ENTITLEMENT_GRANT"))
    assert (shop.queue(), shop.granted()) == ([("waiting", "purchase")], [])
    await shop.take(sale.bought(after_ms=5))
    assert (shop.queue(), shop.granted()) == ([("done", "purchase")], [sale.tx_id])


def set_trap(shop: Shop, user_id: str) -> None:
    """Whoever changes this user's wallet fails."""
    shop.database.connect().execute(
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'not today'; END$$;"
        "CREATE TRIGGER a_trap BEFORE UPDATE ON user_wallet_balances"
        f" FOR EACH ROW WHEN (NEW.user_id = '{user_id}') EXECUTE FUNCTION trap()"
    )


async def test_what_fails_by_itself_is_set_aside_and_listed_and_holds_up_nobody(
    shop: Shop,
) -> None:
    bad, good = Sold(), Sold()
    set_trap(shop, bad.user_id)
    for sale in (bad, good):
        await shop.take(sale.bought())
        await shop.spool.keep("claim", request(sale, accepted=True))

    progress = await replay_spool(shop.engine, shop.spool)

    assert (progress.done, progress.aside, progress.left) == (1, 1, 0)
    assert shop.granted() == [good.tx_id]
    assert shop.spool.is_empty()
    listed = shop.rows("SELECT user_id, tx_id, status, outcome ->> 'message' FROM claim_queue")
    [(user_id, tx_id, status, message)] = [row for row in listed if row[2] != "done"]
    assert (user_id, tx_id, status) == (bad.user_id, bad.tx_id, "set_aside")
    assert "not today" in message
    # Once it is mended, the user's next claim is granted, and nothing is listed any more.
    shop.database.connect().execute("DROP TRIGGER a_trap ON user_wallet_balances")
    assert (await shop.claim(bad))["status"] == "done"
    assert len(shop.granted()) == 2


async def test_a_locked_wallet_holds_up_nobody_else(shop: Shop) -> None:
    locked, others = Sold(), [Sold() for _ in range(3)]
    for sale in (locked, *others):
        await shop.take(sale.bought())
        wallet = {"owner_id": sale.user_id, "asset": "streak_shield", "amount": 1}
        assert (await shop.engine.call("grant", wallet))["status"] == "done"
        await shop.spool.keep("claim", request(sale, accepted=True))
    holder = shop.database.connect(autocommit=False)
    holder.execute(
        "SELECT FROM user_wallet_balances WHERE user_id = %s FOR UPDATE", [locked.user_id]
    )

    progress = await replay_spool(shop.engine, shop.spool)

    assert (progress.done, progress.left) == (3, 1)
    assert shop.granted() == sorted(sale.tx_id for sale in others)
    holder.rollback()
    assert (await replay_spool(shop.engine, shop.spool)).done == 1
    assert len(shop.granted()) == 4


async def test_while_changes_are_paused_nothing_leaves_the_spool(shop: Shop) -> None:
    sale = Sold()
    await shop.spool.keep("event", {"event": sale.bought()})
    await shop.spool.keep("claim", request(sale, accepted=True))
    shop.rows("UPDATE bursar.gate SET degraded = true RETURNING 1")
    progress = await replay_spool(shop.engine, shop.spool)
    assert (progress.done, progress.left) == (0, 2)
    assert await shop.spool.count() == 2
    shop.rows("UPDATE bursar.gate SET degraded = false RETURNING 1")
    assert (await replay_spool(shop.engine, shop.spool)).done == 2
    assert shop.granted() == [sale.tx_id]


async def test_what_the_spool_kept_of_a_product_that_is_off_is_granted_once_it_is_on(
    shop: Shop,
) -> None:
    sale = Sold()
    await shop.take(sale.bought())
    await shop.spool.keep("claim", request(sale, accepted=True))
    shop.switch("sku_enabled", {})
    await replay_spool(shop.engine, shop.spool)
    assert (shop.queue(), shop.spool.is_empty()) == ([("waiting", "opening")], True)
    progress = await replay_queue(shop.engine)
    assert (progress.done, progress.aside, progress.left) == (0, 1, 0)
    assert shop.queue() == [("set_aside", "opening")]
    shop.switch("sku_enabled", {sale.sku: True})
    await shop.engine.read("take_store_work_up")
    assert (await replay_queue(shop.engine)).done == 1
    assert shop.granted() == [sale.tx_id]


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.lines.append((event, values))

    warning = info


async def test_the_worker_feeds_the_queue_from_the_spool(shop: Shop) -> None:
    sale, log = Sold(), Log()
    shop.switch("claims_mode", {"mode": "queue"})
    await shop.spool.keep("event", {"event": sale.bought()})
    await shop.spool.keep("claim", request(sale, accepted=True))
    steps = Chores(shop.spool, log).steps()
    assert [step.name for step in steps] == ["replay_spool", "replay_queue"]
    for _ in range(2):
        for step in steps:
            await step.work(shop.engine)
    assert (shop.granted(), shop.spool.is_empty()) == ([], True)
    shop.switch("claims_mode", {"mode": "open"})
    for step in steps:
        await step.work(shop.engine)
    assert shop.granted() == [sale.tx_id]
    await shop.spool.keep("event", {"event": sale.bought(app_user_id=" ", id="e1")})
    await steps[0].work(shop.engine)
    assert log.lines == [
        ("spool_replayed", {"done": 2, "left": 0}),
        ("queue_replayed", {"done": 2, "left": 0}),
        ("refused_at_replay", {"kind": "event", "name": "e1", "code": "MALFORMED"}),
        ("spool_replayed", {"done": 1, "left": 0}),
    ]


async def test_without_a_spool_there_is_the_queue_alone() -> None:
    class Asked:
        async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
            raise AssertionError("Nothing waits.")

        async def call_batch(
            self, verb: str, requests: Sequence[Mapping[str, Any]]
        ) -> list[dict[str, Any]]:
            raise AssertionError("Nothing waits.")

        async def read(self, function: str, *arguments: str | int | None) -> Any:
            return {"events": [], "claims": [], "waiting_events": 0, "waiting_claims": 0}

    [step] = Chores(None, Log()).steps()
    await step.work(Asked())
