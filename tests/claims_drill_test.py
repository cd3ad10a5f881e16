"""The outage drill: claims are queued, the service is killed again and again, claims are opened.

Some 500 events of the store come in any order and more than once, phones claim meanwhile, and at
the end every purchase is granted once, in order, and nothing is left over.
"""

import asyncio
import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.claims.replay import replay_queue
from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from tests.app_store import (
    AUTHORIZATION,
    BOOSTER,
    CLAIM,
    SHIELD,
    WEBHOOK,
    Sold,
    new_user,
    posted,
    transfer,
)
from tests.deployment import PATIENT, Deployment, lasting_port
from tests.patience import until
from tests.promises import broken_promises
from tests.store import digest
from tests.storms import VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions(*VERSIONS)]

EVENTS_MIN, SENDERS, KILLS = 500, 16, 2
PATIENCE_SECONDS = 120.0
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
_log = logging.getLogger("tests")


@dataclass
class Story:
    """What happens to one buyer: events, claims as (user, sale), and what has to come of them.

    `granted` are the transactions that have to be granted, by who gets them; of `either` exactly
    one, the one that was claimed first. Nothing else may be.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    claims: list[tuple[str, Sold]] = field(default_factory=list)
    granted: dict[str, str] = field(default_factory=dict)
    either: list[str] = field(default_factory=list)


def plain(dice: random.Random) -> Story:
    sale = Sold(sku=dice.choice((SHIELD, BOOSTER)))
    return Story([sale.bought()], [(sale.user_id, sale)], {sale.tx_id: sale.user_id})


def never_claimed(dice: random.Random) -> Story:
    sale = Sold()
    return Story([sale.bought(), sale.event("TEST", transaction_id=None)], [])


def refunded(dice: random.Random) -> Story:
    sale = Sold()
    events = [sale.bought(), sale.refunded()]
    return Story(events, [(sale.user_id, sale)])


def refunded_and_given_back(dice: random.Random) -> Story:
    sale = Sold()
    events = [sale.bought(), sale.refunded(1000), sale.refund_reversed(2000)]
    return Story(events, [(sale.user_id, sale)], {sale.tx_id: sale.user_id})


def transferred(dice: random.Random) -> Story:
    sale, heir = Sold(), new_user()
    events = [sale.bought(), transfer(sale.user_id, heir, sale.at_ms + 1000)]
    return Story(events, [(sale.user_id, sale), (heir, sale)], {sale.tx_id: heir})


def provisional(dice: random.Random) -> Story:
    sale = Sold()
    events = [sale.event("TEMPORARY_ENTITLEMENT_GRANT"), sale.bought(event_timestamp_ms=0)]
    events[1]["event_timestamp_ms"] = sale.at_ms + 3000
    return Story(events, [(sale.user_id, sale)], {sale.tx_id: sale.user_id})


def over_the_cap(dice: random.Random) -> Story:
    first = Sold()
    second = Sold(first.user_id)
    claims = [(first.user_id, first), (first.user_id, second)]
    return Story([first.bought(), second.bought()], claims, either=[first.tx_id, second.tx_id])


def of_no_consequence(dice: random.Random) -> Story:
    sale = Sold()
    return Story([sale.event("INVENTED_TODAY", product_id=None), sale.event("BILLING_ISSUE")])


KINDS = (
    *(plain, plain, plain, never_claimed, refunded, refunded_and_given_back, transferred),
    *(provisional, over_the_cap, of_no_consequence),
)


class Drill:
    """Sends everything in any order, events also twice or thrice, until each was received."""

    def __init__(self, deployment: Deployment, stories: list[Story], dice: random.Random) -> None:
        self._deployment = deployment
        self._dice = dice
        self.sent: list[tuple[str, dict[str, Any]]] = []
        for story in stories:
            for event in story.events:
                times = dice.choice((1, 1, 1, 2, 3))
                self.sent += [(WEBHOOK, posted(event))] * times
            for user_id, sale in story.claims:
                me = deployment.headers("authenticated", user_id)
                self.sent += [(CLAIM, {"json": sale.claim, "headers": me})] * dice.choice((1, 2))
        dice.shuffle(self.sent)
        self.received = 0
        self.again = 0

    async def run(self) -> None:
        waiting = list(self.sent)
        async with httpx.AsyncClient(timeout=60) as client:

            async def send() -> None:
                while waiting:
                    await self._send(client, *waiting.pop())

            await asyncio.gather(*(send() for _ in range(SENDERS)))

    async def _send(self, client: httpx.AsyncClient, path: str, sent: dict[str, Any]) -> None:
        wanted = 202 if path == CLAIM else 200
        while True:
            try:
                answer = await client.post(self._deployment.url + path, **sent)
            except httpx.TransportError:  # It was killed, or is not up again.
                self.again += 1
                await asyncio.sleep(0.1)
                continue
            assert answer.status_code == wanted, answer.text
            assert answer.json().get("effect") in (None, "queued")
            self.received += 1
            return


@pytest.fixture
def admin(database: ScratchDatabase) -> psycopg.Connection:
    return database.connect()


@pytest.fixture
def running(database: ScratchDatabase, tmp_path: Path) -> Iterator[Deployment]:
    settings = PATIENT | {
        "log_level": "warning",
        "revenuecat_authorization": AUTHORIZATION,
        "spool_directory": str(tmp_path / "spool"),
        "worker_interval_ms": "100",
    }
    deployment = Deployment(database, tmp_path, settings, port=lasting_port()).start()
    yield deployment
    deployment.stop()


async def test_after_the_drill_every_purchase_is_granted_once_in_order_and_nothing_is_left(
    running: Deployment, admin: psycopg.Connection, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    stories: list[Story] = []
    while sum(len(story.events) for story in stories) < EVENTS_MIN:
        stories.append(dice.choice(KINDS)(dice))
    drill = Drill(running, stories, dice)

    switch(admin, "queue")
    sending = asyncio.ensure_future(drill.run())
    for kill in range(1, KILLS + 1):
        while drill.received < len(drill.sent) * kill / (KILLS + 1):
            await asyncio.sleep(0.005)
        await asyncio.to_thread(killed_and_started, running)
    await sending
    await until(lambda: not list((tmp_path / "spool").glob("*.spool")))  # All is in the queue.
    assert admin.execute("SELECT FROM purchase_claims").fetchall() == []

    switch(admin, "open")
    started = time.monotonic()
    await asyncio.to_thread(wait_for, admin, "SELECT FROM bursar.inbox WHERE status = 'done'")
    await asyncio.to_thread(killed_and_started, running)
    await asyncio.to_thread(wait_for, admin, NOTHING_WAITS)
    seconds = time.monotonic() - started
    running.stop()

    _log.warning(
        "seed %s: %s events of %s buyers, %s requests, %s sent again; carried out in %.1f s",
        *(SEED, sum(len(story.events) for story in stories), len(stories), len(drill.sent)),
        *(drill.again, seconds),
    )
    judge(admin, stories)
    await replayed_twice(running.database, admin)
    assert not list((tmp_path / "spool").glob("*.spool"))


NOTHING_WAITS = """
    SELECT WHERE NOT EXISTS (SELECT FROM bursar.inbox WHERE status = 'waiting')
        AND NOT EXISTS (SELECT FROM claim_queue WHERE status = 'waiting')
"""


def switch(admin: psycopg.Connection, mode: str) -> None:
    value = Jsonb({"mode": mode, "percent": 100})
    admin.execute("SELECT bursar.set_store_config('claims_mode', %s, 'drill', 'a drill')", [value])


def killed_and_started(running: Deployment) -> None:
    running.kill()
    running.start()


def wait_for(admin: psycopg.Connection, query: str) -> None:
    """Return when the query has a row."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not admin.execute(query.encode()).fetchall():
        assert time.monotonic() < deadline, admin.execute(
            "SELECT status, count(*) FROM bursar.inbox GROUP BY 1"
            " UNION ALL SELECT status || waits_for, count(*) FROM claim_queue GROUP BY 1"
        ).fetchall()
        time.sleep(0.01)


def what_became_of(admin: psycopg.Connection, sold: set[tuple[str, str]]) -> str:
    """What the queue says of transactions, for whoever has to find out."""
    found = admin.execute(
        "SELECT tx_id, user_id, received_at, handled_at, status, waits_for, outcome"
        " FROM claim_queue WHERE tx_id = ANY (%s) ORDER BY id",
        [sorted({tx_id for tx_id, _ in sold})],
    ).fetchall()
    return f"seed {SEED}: {sorted(sold)}\n" + "\n".join(str(row) for row in found)


def judge(admin: psycopg.Connection, stories: list[Story]) -> None:
    """Every purchase is granted once, to whom it belongs; in order; and all else is well."""
    rows = admin.execute("SELECT tx_id, user_id FROM purchase_claims").fetchall()
    claims: dict[str, str] = dict(rows)
    first_claimed = [
        tx_id for (tx_id,) in admin.execute("SELECT tx_id FROM claim_queue ORDER BY id").fetchall()
    ]
    expected: dict[str, str] = {}
    for story in stories:
        expected |= story.granted
        if story.either:
            first = min(story.either, key=first_claimed.index)
            expected[first] = story.claims[0][0]
    assert claims == expected, what_became_of(admin, set(claims.items()) ^ set(expected.items()))
    shields = admin.execute(
        "SELECT split_part(reason, ' ', 1), count(*) FROM bursar.transaction"
        " WHERE verb = 'claim_purchase' GROUP BY 1"
    ).fetchall()
    items = admin.execute("SELECT tx_id FROM purchase_claims WHERE sku = %s", [SHIELD]).fetchall()
    assert dict(shields) == {tx_id: 1 for (tx_id,) in items}
    assert admin.execute("SELECT * FROM check_wallet_integrity()").fetchall() == []
    assert broken_promises(admin) == []

    events = admin.execute(
        "SELECT occurred_at, handled_at, status, deliveries FROM bursar.inbox ORDER BY handled_at"
    ).fetchall()
    assert len(events) == sum(len(story.events) for story in stories)
    assert {status for _, _, status, _ in events} == {"done"}
    assert [occurred for occurred, *_ in events] == sorted(occurred for occurred, *_ in events)
    [(first_claim, wrong)] = admin.execute(
        "SELECT min(handled_at), count(*) FILTER (WHERE status <> 'done') FROM claim_queue"
    ).fetchall()
    assert wrong == 0
    assert first_claim >= events[-1][1]


async def replayed_twice(database: ScratchDatabase, admin: psycopg.Connection) -> None:
    """Replaying again, and events that come again, change nothing."""
    before = digest(admin)
    async with await Engine.open(database.service_url) as engine:
        for _ in range(2):
            assert (await replay_queue(engine)).done == 0
        assert digest(admin) == before
        payloads = admin.execute("SELECT payload FROM bursar.inbox").fetchall()
        again = [{"event": payload} for (payload,) in payloads]
        outcomes = await engine.call_batch("take_store_event", again)
        assert {outcome["replayed"] for outcome in outcomes} == {True}
    after = digest(admin)
    assert {name for name in before if before[name] != after[name]} == {"bursar.inbox"}
