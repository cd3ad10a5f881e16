"""Everybody buys from everybody: no deadlock, no error, sums exact. A stuck wallet stops no other.

The storm lasts 20 seconds, half of them on each version; with `BURSAR_LONG=1` a minute on each.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS
from tests.promises import broken_promises
from tests.store import grant_all, new_id, person, reward
from tests.storms import LONG

CALLERS = 64
STORM_SECONDS = 60.0 if LONG else 10.0
CREDITS = 1000
SERVICE = {"role": "service_role"}
REFUSED = ("INSUFFICIENT_FUNDS", "ALREADY_COLLECTED")
# A deadlock in the server's log, with who waited for whom and in which function.
LOGGED_LINES = 20
SETTINGS = Settings()
# Nobody holds a wallet here but for a moment: however slow the machine, whoever waits gets it. And
# a deadlock is found by the server, and not hidden by whoever lets go before it looks.
PATIENT = Settings(
    lock_timeout_ms=60_000,
    busy_timeout_ms=60_000,
    request_timeout_ms=120_000,
    statement_timeout_ms=120_000,
)
# What the stuck wait for lasts much longer than the others take.
STUCK = Settings(busy_timeout_ms=6_000)
_log = logging.getLogger("tests")


class Market:
    """People who all sell, and a thousand ways to buy."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.people = [new_id() for _ in range(CALLERS)]
        grant_all(connection, self.people, CREDITS)
        rows = connection.execute(
            "INSERT INTO public.rewards (creator_id, name, cost)"
            " SELECT creator, 'Sticker', 1 + place %% 50"
            " FROM unnest(%s::uuid[]) AS creator, generate_series(1, 60) AS place"
            " RETURNING id::text, creator_id::text",
            [self.people],
        ).fetchall()
        self.rewards: list[tuple[str, str]] = rows

    def wish(self, dice: random.Random, buyer: str) -> dict[str, Any]:
        """A purchase from somebody else, whether or not it was made before."""
        while True:
            wanted, seller = dice.choice(self.rewards)
            if seller != buyer:
                return {"reward_id": wanted, "collector_id": buyer, "caller": SERVICE}

    def payment(self, dice: random.Random, payer: str) -> dict[str, Any]:
        """A transfer to somebody else."""
        payee = dice.choice([one for one in self.people if one != payer])
        return {
            "owner_id": payer,
            "asset": "credit",
            "amount": dice.randint(1, 20),
            "to_owner_id": payee,
        }


@pytest.fixture
async def engines(
    request: pytest.FixtureRequest, database: ScratchDatabase
) -> AsyncIterator[list[Engine]]:
    """Two engines, as two servers would be."""
    settings = getattr(request, "param", SETTINGS)
    opened = [await Engine.open(database.service_url, settings) for _ in range(2)]
    yield opened
    for engine in opened:
        await engine.close()


def deadlocks(connection: psycopg.Connection, database: ScratchDatabase) -> int:
    """Those that the server has counted, also where a function caught the error, or logged."""
    row = connection.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    log = database.cluster.log_path.read_text("utf-8", "replace").splitlines()
    logged = [
        place
        for place, one in enumerate(log)
        if f"@{database.name} " in one and "deadlock detected" in one
    ]
    for place in logged:
        _log.error("%s", "\n".join(log[place : place + LOGGED_LINES]))
    return int(row[0]) + len(logged)


@pytest.mark.slow
@pytest.mark.postgres_versions("15", "18")
@pytest.mark.parametrize("engines", [PATIENT], indirect=True, ids=["patient"])
async def test_64_callers_buying_from_each_other_at_random_never_deadlock(
    database: ScratchDatabase, engines: list[Engine], postgres_version: str
) -> None:
    admin = database.connect()
    market = Market(admin)
    until = time.monotonic() + STORM_SECONDS
    codes: Counter[str] = Counter()

    async def caller(place: int) -> None:
        dice, engine = random.Random(place), engines[place % 2]
        while time.monotonic() < until or codes["done"] <= 200:
            buyer = dice.choice(market.people)
            if dice.random() < 0.7:
                outcome = await engine.call("purchase_reward", market.wish(dice, buyer))
            else:
                outcome = await engine.call("transfer", market.payment(dice, buyer))
            codes[str(outcome.get("code", "done"))] += 1

    async def batches(place: int) -> None:
        """Arrays in no order at all, over a connection of their own."""
        dice = random.Random(1000 + place)
        async with await psycopg.AsyncConnection.connect(
            database.service_url, autocommit=True
        ) as connection:
            await connection.execute("SET lock_timeout = '60s'")
            while time.monotonic() < until or codes["done"] <= 200:
                requests = [market.wish(dice, dice.choice(market.people)) for _ in range(20)]
                cursor = await connection.execute(
                    "SELECT bursar.purchase_reward(%s)", [Jsonb(requests)]
                )
                row = await cursor.fetchone()
                assert row is not None
                codes.update(str(outcome.get("code", "done")) for outcome in row[0])

    await asyncio.gather(
        *(caller(place) for place in range(CALLERS)), *(batches(place) for place in range(2))
    )
    await asyncio.sleep(1.1)  # the server's counters come with a delay

    _log.info("the storm: %s", dict(codes))
    assert set(codes) <= {"done", *REFUSED}, codes
    assert codes["done"] > 200, codes
    assert deadlocks(admin, database) == 0
    total = admin.execute("SELECT sum(balance) FROM public.user_credits").fetchone()
    assert total == (CALLERS * CREDITS,)
    assert broken_promises(admin) == []


async def test_an_operators_transactions_over_many_wallets_stop_nobody(
    database: ScratchDatabase, engines: list[Engine]
) -> None:
    """Raw updates lock rows in any order; the engine lets go first, and tries again."""
    admin = database.connect()
    market = Market(admin)
    until = time.monotonic() + 5
    codes: Counter[str] = Counter()
    added = 0

    async def caller(place: int) -> None:
        dice, engine = random.Random(place), engines[place % 2]
        while time.monotonic() < until or codes["done"] <= 200:
            request = market.wish(dice, dice.choice(market.people))
            outcome = await engine.call("purchase_reward", request)
            codes[str(outcome.get("code", "done"))] += 1

    async def operator() -> None:
        nonlocal added
        dice = random.Random(99)
        async with await psycopg.AsyncConnection.connect(database.url) as connection:
            # The engine lets go first, however late its own timer is served.
            await connection.execute("SET deadlock_timeout = '60s'")
            await connection.execute("SET ROLE bursar_operator")
            while time.monotonic() < until or codes["done"] <= 200:
                for owner in dice.sample(market.people, 10):
                    await connection.execute(
                        "UPDATE public.user_credits SET balance = balance + 1 WHERE user_id = %s",
                        [owner],
                    )
                await connection.commit()
                added += 10

    await asyncio.gather(*(caller(place) for place in range(32)), operator())

    _log.info("beside %s raw updates: %s", added, dict(codes))
    assert set(codes) <= {"done", "BUSY", *REFUSED}, codes
    assert codes["done"] > 200
    assert added >= 10
    total = admin.execute("SELECT sum(balance) FROM public.user_credits").fetchone()
    assert total == (CALLERS * CREDITS + added,)
    raw = admin.execute(
        "SELECT count(*), sum(amount) FROM bursar.transaction WHERE actor = 'sql:bursar_operator'"
    ).fetchone()
    assert raw == (added, added)
    assert broken_promises(admin) == []


@pytest.mark.parametrize("engines", [STUCK], indirect=True, ids=["stuck"])
async def test_a_wallet_held_by_a_forgotten_session_delays_only_its_own_requests(
    database: ScratchDatabase, engines: list[Engine]
) -> None:
    admin = database.connect()
    market = Market(admin)
    held, *others = market.people
    forgotten = database.connect(autocommit=False)
    forgotten.execute("SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE", [held])
    until = time.monotonic() + 6
    seconds: list[float] = []
    stuck: list[float] = []

    async def free(place: int) -> None:
        dice, engine = random.Random(place), engines[0]
        buyer = others[place]
        while time.monotonic() < until or len(seconds) <= 200:
            request = market.wish(dice, buyer)
            if (request["reward_id"], held) in market.rewards:
                continue
            seconds.append(await timed(engine, request, {"done", *REFUSED}))
            await asyncio.sleep(0.01)

    async def blocked(place: int) -> None:
        """The held wallet buys, and somebody nobody waits for buys from it."""
        dice, engine = random.Random(place), engines[0]
        while time.monotonic() < until:
            if place % 2:
                request = market.wish(dice, held)
            else:
                wanted = dice.choice([one for one, seller in market.rewards if seller == held])
                request = {"reward_id": wanted, "collector_id": others[-1], "caller": SERVICE}
            stuck.append(await timed(engine, request, {"BUSY"}))

    await asyncio.gather(
        *(free(place) for place in range(len(others) - 1)), *(blocked(place) for place in range(4))
    )
    waiting = [
        asyncio.ensure_future(engines[0].call("purchase_reward", market.wish(dice, who)))
        for dice, who in ((random.Random(7), held), (random.Random(8), others[-1]))
    ]
    await asyncio.sleep(0.3)
    forgotten.rollback()
    released = [await asyncio.wait_for(one, PATIENCE_SECONDS) for one in waiting]

    p99 = sorted(seconds)[int(len(seconds) * 0.99)]
    _log.info("p99 of %s others %.3f s, the stuck at most %.1f s", len(seconds), p99, max(stuck))
    assert len(seconds) > 200
    assert p99 < min(stuck)
    bound = STUCK.busy_timeout_ms / 1000 + PATIENCE_SECONDS
    assert stuck
    assert max(stuck) < bound
    assert {outcome.get("code", "done") for outcome in released} <= {"done", "INSUFFICIENT_FUNDS"}
    assert deadlocks(admin, database) == 0
    assert broken_promises(admin) == []


async def timed(engine: Engine, request: dict[str, Any], expected: set[str]) -> float:
    """How long a purchase took, in seconds, that came to one of the `expected`."""
    started = time.monotonic()
    outcome = await engine.call("purchase_reward", request)
    assert outcome.get("code", "done") in expected, outcome
    return time.monotonic() - started


@pytest.mark.postgres_versions("15", "18")
def test_plain_sql_says_busy_in_bounded_time_for_a_held_wallet(
    database: ScratchDatabase, postgres_version: str
) -> None:
    admin = database.connect()
    buyer, wanted = person(admin, 100), reward(admin, 60)
    forgotten = database.connect(autocommit=False)
    forgotten.execute("SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE", [buyer])
    session = database.connect("authenticated", buyer)
    started = time.monotonic()

    with pytest.raises(psycopg.Error, match=r"^BUSY: ") as raised:
        session.execute("SELECT public.purchase_reward(%s, %s)", [wanted, buyer])
    waited = time.monotonic() - started
    forgotten.rollback()
    answer = session.execute("SELECT public.purchase_reward(%s, %s)", [wanted, buyer]).fetchone()

    assert raised.value.sqlstate == "UB004"
    assert waited < PATIENCE_SECONDS
    assert answer is not None
    assert answer[0]["status"] == "done"
