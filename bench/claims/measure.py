"""Claims by the Python engine, many at once, in turns with purchases of rewards."""

import asyncio
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from bench.load import Spread, percentile
from bench.orders import identity
from bench.prepare import SERVICE_ROLE, apply_all_to
from bursar.db.embedded import Cluster
from bursar.ledger.engine import Engine
from bursar.settings import Settings

DATABASE = "bench_claims"
SHIELD, BOOSTER = "consumable_streakshield_1", "consumable_xp_booster_7d"
# What is called, in words; `reward` is what the others are compared with.
KINDS = {
    "reward": "purchase_reward, spread over buyers and sellers",
    "shield": "claim of a shield, caps counted",
    "booster": "claim of a booster",
    "new": "claim of a shield by a user without a wallet",
    "again": "claim that was granted before",
}
# So many were claimed beforehand.
AGAIN = 1000
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """How many call at once, how often all kinds take turns, and how long each time."""

    callers: int = 32
    rounds: int = 7
    seconds: float = 1.0
    warm_up_seconds: float = 0.2
    users: int = 100_000


@dataclass(slots=True)
class Measured:
    """What was measured: of each kind, for each round, calls in a second and latencies in ms.

    `wrong` counts what the database says otherwise than the answers; `round_trips` are of a lone
    call.
    """

    plan: ClaimPlan
    per_second: dict[str, list[float]] = field(default_factory=dict)
    p50: dict[str, list[float]] = field(default_factory=dict)
    p95: dict[str, list[float]] = field(default_factory=dict)
    p99: dict[str, list[float]] = field(default_factory=dict)
    lone_ms: dict[str, float] = field(default_factory=dict)
    round_trips: dict[str, float] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    wrong: int = 0

    def ratio(self, kind: str) -> Spread:
        """Return by how much p95 is longer than that of a reward in the same round."""
        pairs = zip(self.p95[kind], self.p95["reward"], strict=True)
        return Spread.of([ours / reward for ours, reward in pairs])


async def measure(cluster: Cluster, plan: ClaimPlan) -> Measured:
    """Fill a database of `cluster`, measure everything in the plan, and compare the outcome."""
    apply_all_to(cluster, DATABASE)
    cluster.give_password(SERVICE_ROLE)
    url = cluster.url(database=DATABASE)
    _fill(url, plan.users)
    result = Measured(plan, done=dict.fromkeys(KINDS, 0))
    calls = {kind: calls_of(kind, plan.users) for kind in KINDS}
    async with await Engine.open(cluster.url(SERVICE_ROLE, DATABASE), Settings()) as engine:
        once = islice(calls_of("again", AGAIN), AGAIN)
        await asyncio.gather(*(_one(engine, "again", iter([call]), result) for call in once))
        for number in range(-1, plan.rounds):
            turned = max(0, number) % len(KINDS)
            kinds = list(KINDS)
            for kind in (*kinds[turned:], *kinds[:turned]):
                # The first round only makes plans, and counts for nothing.
                await _round(engine, kind, calls[kind], result, counts=number >= 0)
        for kind in KINDS:
            await _alone(engine, kind, calls[kind], result)
    result.wrong = _wrong(url, result)
    return result


def _fill(url: str, users: int) -> None:
    # Parameters of several statements at once are put in by the client.
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        statements = (Path(__file__).parent / "fill.sql").read_bytes()
        connection.execute(statements, {"users": users})
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def calls_of(kind: str, users: int) -> Iterator[Call]:
    """Yield calls that are all granted, each for another user than those around it."""
    caller = {"role": "service_role"}
    # Rewards are bought over and over, each time another one.
    for turn in range(users if kind == "again" else 1000 if kind == "reward" else 1):
        for n in range(1, users + 1):
            if kind == "reward":
                yield (
                    "purchase_reward",
                    {
                        "reward_id": identity("reward", (n + turn) % 1000 + 1),
                        "collector_id": identity("buyer", n),
                        "key": f"{turn}-{n}",
                        "principal": "service",
                        "caller": caller,
                    },
                )
                continue
            n = n % AGAIN + 1 if kind == "again" else n
            who = kind if kind in ("new", "again") else "known"
            yield (
                "claim_purchase",
                {
                    "user_id": f"{who}-{n}",
                    "sku": BOOSTER if kind == "booster" else SHIELD,
                    "tx_id": f"{kind}-{n}",
                    "caller": caller,
                },
            )


async def _round(
    engine: Engine, kind: str, calls: Iterator[Call], result: Measured, *, counts: bool
) -> None:
    """Let so many callers each send the next call when the last one is answered."""
    plan, took, clock = result.plan, list[float](), time.perf_counter
    gc.collect()
    counted_from = clock() + plan.warm_up_seconds
    counted_to = counted_from + plan.seconds

    async def caller() -> None:
        while (begun := clock()) < counted_to:
            await _one(engine, kind, calls, result)
            if counted_from <= clock() <= counted_to:
                took.append(1000 * (clock() - begun))

    await asyncio.gather(*(caller() for _ in range(plan.callers)))
    if counts:
        result.per_second.setdefault(kind, []).append(len(took) / plan.seconds)
        for found, percent in ((result.p50, 50), (result.p95, 95), (result.p99, 99)):
            found.setdefault(kind, []).append(percentile(took, percent))


async def _one(engine: Engine, kind: str, calls: Iterator[Call], result: Measured) -> None:
    call = next(calls, None)
    if call is None:
        raise RuntimeError(f"{KINDS[kind]}: there are no more, ask for more users.")
    outcome = await engine.call(*call)
    if outcome["status"] != "done":
        raise RuntimeError(f"{KINDS[kind]} was refused: {outcome}")
    result.done[kind] += 1


async def _alone(engine: Engine, kind: str, calls: Iterator[Call], result: Measured) -> None:
    """One call after the other: how long each takes, and how often the database is asked."""
    took, before = [], engine.statistics.round_trips
    for _ in range(100):
        begun = time.perf_counter()
        await _one(engine, kind, calls, result)
        took.append(1000 * (time.perf_counter() - begun))
    result.lone_ms[kind] = percentile(took, 50)
    result.round_trips[kind] = (engine.statistics.round_trips - before) / len(took)


def _wrong(url: str, result: Measured) -> int:
    """Count claims, shields and purchases that are not what was answered."""
    done = result.done
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT abs((SELECT count(*) FROM public.purchase_claims) - %s)"
            " + abs((SELECT sum(streakshield_count) FROM public.user_wallet_balances) - %s)"
            " + abs((SELECT count(*) FROM public.collected_rewards) - %s)"
            " + (SELECT count(*) FROM public.check_wallet_integrity())",
            [
                done["shield"] + done["booster"] + done["new"] + AGAIN,
                done["shield"] + done["new"] + AGAIN,
                done["reward"],
            ],
        ).fetchone()
    assert row is not None
    return int(row[0])
