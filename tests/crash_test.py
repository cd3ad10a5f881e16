"""kill -9 in the middle of load: what was acknowledged is there, and nothing happened twice."""

import asyncio
import logging
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import httpx
import psycopg
import pytest

from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase
from tests.deployment import Deployment, lasting_port
from tests.load import NOTHING_HAPPENED, Load, effects
from tests.patience import PATIENCE_SECONDS
from tests.promises import broken_promises
from tests.storms import VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions(*VERSIONS)]

# On each of the two versions, so 20 in all; in a random order.
KILLS = ("server",) * 4 + ("postmaster",) * 3 + ("backend",) * 3
_log = logging.getLogger("tests")
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)


def strike(kind: str, deployment: Deployment, dice: random.Random) -> None:
    """Kill one process, and start again what does not come back by itself."""
    cluster = deployment.database.cluster
    if kind == "server":
        deployment.kill()
        deployment.start()
    elif kind == "postmaster":
        assert cluster.pid is not None
        os.kill(cluster.pid, signal.SIGKILL)
        cluster.start()
    else:
        with psycopg.connect(deployment.database.url) as connection:
            pids = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = %s"
                " ORDER BY state = 'active' DESC, pid LIMIT 3",
                [SERVICE_ROLE],
            ).fetchall()
        os.kill(dice.choice(pids)[0], signal.SIGKILL)


async def next_success(load: Load) -> float:
    """Wait until something more is acknowledged; return how long it took, in seconds."""
    started, before = time.monotonic(), load.acknowledged
    while load.acknowledged < before + 5:
        assert time.monotonic() - started < PATIENCE_SECONDS, "The service did not come back."
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def test_ten_kills_in_the_middle_of_load_lose_nothing_and_do_nothing_twice(
    durable: ScratchDatabase, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    kills = dice.sample(KILLS, len(KILLS))
    deployment = Deployment(durable, tmp_path, {"log_level": "error"}, port=lasting_port()).start()
    recoveries: list[float] = []
    try:
        with psycopg.connect(durable.url, autocommit=True) as connection:
            load = Load(deployment, connection, SEED)
        running = asyncio.ensure_future(load.run())
        for kind in kills:
            await next_success(load)
            await asyncio.sleep(dice.uniform(0.05, 0.5))
            await asyncio.to_thread(strike, kind, deployment, dice)
            recoveries.append(await next_success(load))
        load.stop()
        await running
        resolved = await load.resolve()
        await ask_again(load, deployment)
    finally:
        deployment.stop()

    counts = Counter(request.code for request in load.requests)
    waited = [round(seconds, 2) for seconds in recoveries]
    _log.info("seed %s: %s, %s unknown, %s s", SEED, dict(counts), len(resolved), waited)
    assert counts[""] == 0, "An unknown outcome could not be resolved."
    assert resolved, "No kill hit a request that was under way."
    assert set(counts) <= {"done", "INSUFFICIENT_FUNDS", *NOTHING_HAPPENED}
    with psycopg.connect(durable.url, autocommit=True) as connection:
        found = effects(connection, load.requests)
        for request in load.requests:
            expected = [request.outcome["transaction_id"]] if request.code == "done" else []
            assert found[request.key] == expected, (request, found[request.key])
        assert broken_promises(connection) == []


async def ask_again(load: Load, deployment: Deployment) -> None:
    """Of what was acknowledged, the last hundred keys still answer what they answered."""
    async with httpx.AsyncClient(timeout=30) as client:
        for request in [one for one in load.requests if one.code == "done"][-100:]:
            first = request.outcome
            await load.send(client, request)
            assert request.code == "done", request
            assert request.outcome["replayed"]
            assert request.outcome["transaction_id"] == first["transaction_id"]
