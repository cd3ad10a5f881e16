"""The database stops under load: what the store tells and phones claim is kept, and carried out.

In the quick run it is away for some seconds; with BURSAR_LONG=1 for a minute, on each version.
"""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.app_store import AUTHORIZATION
from tests.deployment import Deployment, lasting_port
from tests.patience import until
from tests.phones import Phones
from tests.promises import broken_promises
from tests.storms import LONG, VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions(*VERSIONS)]

AWAY_SECONDS = 60.0 if LONG else 6.0
BESIDE_SECONDS = 10.0 if LONG else 2.0
PATIENCE_SECONDS = 120.0
# What phones and the store are told while the database is away.
KEPT = (("event", 200, "spooled"), ("claim", 202, "database"))
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
_log = logging.getLogger("tests")


@pytest.fixture
def running(durable: ScratchDatabase, tmp_path: Path) -> Iterator[Deployment]:
    settings = {
        "log_level": "warning",
        "revenuecat_authorization": AUTHORIZATION,
        "spool_directory": str(tmp_path / "spool"),
        "worker_interval_ms": "200",
    }
    deployment = Deployment(durable, tmp_path, settings, port=lasting_port()).start()
    yield deployment
    deployment.stop()


async def test_the_database_stops_under_load_and_nothing_that_was_accepted_is_lost_or_doubled(
    running: Deployment, durable: ScratchDatabase
) -> None:
    cluster, phones = durable.cluster, Phones(running, SEED)
    load = asyncio.ensure_future(phones.run())
    await asyncio.sleep(BESIDE_SECONDS)
    await asyncio.to_thread(cluster.shut_down)
    gone = time.monotonic()
    assert not cluster.is_running()
    await asyncio.sleep(AWAY_SECONDS)
    await until(lambda: min(phones.between(gone, math.inf)[one] for one in KEPT) > 20)
    kept = int((await asyncio.to_thread(status, running))["spooled"])
    back = time.monotonic()
    await asyncio.to_thread(cluster.start)
    started = time.monotonic()
    await asyncio.sleep(BESIDE_SECONDS)
    phones.stop()
    await load
    await asyncio.to_thread(wait_until_nothing_waits, running)
    settled = time.monotonic()

    assert running.is_running()
    answers = phones.between(gone, back)
    slowest = max(told.seconds for told in phones.answers)
    _log.warning(
        "seed %s: away %.1f s, %s kept, carried out %.1f s after the start; %s; slowest %.2f s;"
        " %s purchases",
        *(SEED, back - gone, kept, settled - started, dict(answers), slowest, len(phones.bought)),
    )
    assert set(answers) <= {*KEPT}
    assert min(kept, *(answers[one] for one in KEPT)) > 20
    assert {told.status for told in phones.answers} <= {200, 202, 404, 410, 503}
    assert slowest < PATIENCE_SECONDS
    with psycopg.connect(durable.url, autocommit=True) as connection:
        judge(connection, phones)
    assert running.is_running()


def status(running: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{running.url}/status", timeout=60).json()
    return found


def wait_until_nothing_waits(running: Deployment) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        told = status(running)
        waiting = told["waiting_claims"] or told["waiting_events"] or told["spooled"]
        if told["database"] == "reachable" and not waiting:
            return
        assert time.monotonic() < deadline, (told, running.log()[-2000:])
        time.sleep(0.2)


def judge(connection: psycopg.Connection, phones: Phones) -> None:
    """What was accepted has its effect, once; and all else is in order."""
    inbox = "SELECT event_id, array_agg(status) FROM bursar.inbox GROUP BY 1"
    taken: dict[str, list[str]] = dict(connection.execute(inbox).fetchall())
    received = [event_id for one in phones.bought for event_id in one.received]
    assert [event_id for event_id in received if taken.get(event_id) != ["done"]] == []
    assert set(taken) == set(received)

    kept = connection.execute("SELECT tx_id, status FROM purchase_claims").fetchall()
    claims: dict[str, str] = dict(kept)
    wrong = [
        (one, claims.get(one.sale.tx_id))
        for one in phones.bought
        if claims.get(one.sale.tx_id) not in expected(one.is_claimed, one.is_refunded)
    ]
    assert wrong == []
    assert connection.execute("SELECT * FROM check_wallet_integrity()").fetchall() == []
    assert connection.execute("SELECT FROM claim_queue WHERE status <> 'done'").fetchall() == []
    assert broken_promises(connection) == []


def expected(is_claimed: bool, is_refunded: bool) -> tuple[str | None, ...]:
    """Return what may have become of a claim. One that was accepted, and refunded before it was
    carried out, leaves nothing behind."""
    if not is_claimed:
        return (None,)
    return ("refunded", None) if is_refunded else ("granted",)
