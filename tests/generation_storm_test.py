"""Jobs while workers and the service are killed at random: none is lost, none is paid for twice.

400 jobs; 1,000 with `BURSAR_LONG=1`.
"""

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, LiteralString

import pytest

from bursar.client import Bank, connect
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider
from tests.crew import Crew
from tests.deployment import Deployment, lasting_port
from tests.ledger_in_sql import Ledger
from tests.storms import LONG
from tests.studio import ASSET, credits_of, new_product

pytestmark = pytest.mark.slow

JOBS = 1000 if LONG else 400
USERS = 25
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
PATIENCE_SECONDS = 60 + JOBS * 0.6
# Bounded, since on a slow machine nothing is ever done between two kills.
WORKER_KILLS_MAX, OTHER_KILLS_MAX = JOBS // 6, JOBS // 16
# Each lease of a job is noted, so that each call can be asked for its own.
LEASES: LiteralString = """
    CREATE TABLE public.leases (job_id uuid NOT NULL, had_at timestamptz NOT NULL);
    CREATE FUNCTION public.note_lease() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        AS 'BEGIN INSERT INTO public.leases VALUES (NEW.id, clock_timestamp()); RETURN NULL; END';
    CREATE TRIGGER note_lease AFTER UPDATE OF lease ON public.generation_jobs FOR EACH ROW
        WHEN (NEW.lease IS NOT NULL AND NEW.lease IS DISTINCT FROM OLD.lease)
        EXECUTE FUNCTION public.note_lease()
"""
PROMPTS = ("a fox",) * 6 + ("an owl [late 0.4]", "a ship [fail 503 x1]", "a teapot [fail 422]")
_log = logging.getLogger("tests")


class Storm:
    """Everything that runs: a provider, a crew of workers, and a service that works as well."""

    def __init__(
        self, database: ScratchDatabase, directory: Path, stack: ExitStack, dice: random.Random
    ) -> None:
        self.database, self.dice = database, dice
        self.provider = stack.enter_context(LocalProvider(book=directory / "book.jsonl"))
        settings = {"worker_lease_seconds": "2", "worker_interval_ms": "150"}
        self.service = Deployment(
            database,
            directory,
            {"provider_url": self.provider.api, "worker_jobs": "3", **settings},
            port=lasting_port(),
        ).start()
        stack.callback(self.service.stop)
        self.crew = stack.enter_context(
            Crew(database, self.provider, directory, count=3, worker_jobs="3", **settings)
        )
        self.kills: Counter[str] = Counter()
        self.is_over = False

    async def strike_workers(self) -> None:
        """Kill a worker every now and then, until it is over or there were enough."""
        while self.kills["worker"] < WORKER_KILLS_MAX:
            await asyncio.sleep(self.dice.uniform(0.2, 1.0))
            if self.is_over:
                break
            if pids := self.crew.pids():
                self.kills["worker"] += 1
                self.crew.kill(self.dice.choice(pids))

    async def strike_others(self) -> None:
        """Kill the service, which works as well, or the provider, likewise."""
        while self.kills["service"] + self.kills["provider"] < OTHER_KILLS_MAX:
            await asyncio.sleep(self.dice.uniform(0.5, 2.0))
            if self.is_over:
                break
            if self.dice.random() < 0.7:
                self.kills["service"] += 1
                await asyncio.to_thread(self.service.kill)
                await asyncio.to_thread(self.service.start)
            else:
                self.kills["provider"] += 1
                self.crew.kill(self.provider.pid)


@pytest.fixture
def storm(cluster: Cluster, template: str, tmp_path: Path) -> Iterator[Storm]:
    """The storm over a database of its own."""
    with ExitStack() as stack:
        database = stack.enter_context(scratch_database(cluster, template))
        database.connect().execute(LEASES)
        yield Storm(database, tmp_path, stack, random.Random(SEED))


async def submit_all(bank: Bank, product: str, dice: random.Random) -> dict[str, list[str]]:
    """Submit the jobs over some seconds, each user a few; some are cancelled. Jobs by user."""
    users = [f"00000000-0000-4000-8000-{n:012d}" for n in range(USERS)]
    jobs: dict[str, list[str]] = {user: [] for user in users}
    for user in users:
        await bank.grant(owner_id=user, asset=ASSET, amount=JOBS)
    for n in range(JOBS):
        user = dice.choice(users)
        outcome = await bank.submit_generation(
            user_id=user, product=product, input={"prompt": dice.choice(PROMPTS), "size": "16x16"}
        )
        assert outcome.job_id is not None, outcome
        jobs[user].append(outcome.job_id)
        if n % 12 == 0:
            me = {"role": "authenticated", "sub": user}
            await bank.end_generation(job_id=outcome.job_id, result="cancelled", caller=me)
        await asyncio.sleep(dice.uniform(0, 0.04))
    return jobs


async def test_no_job_is_lost_and_none_is_paid_for_twice(storm: Storm) -> None:
    ledger, began = Ledger(storm.database), time.monotonic()
    product = new_product(ledger, call_seconds=5, stuck_seconds=600, attempts_max=20)
    async with connect(storm.database.service_url) as bank, asyncio.TaskGroup() as striking:
        striking.create_task(storm.strike_workers())
        striking.create_task(storm.strike_others())
        jobs = await submit_all(bank, product, storm.dice)
        await wait_until_ended(ledger)
        storm.is_over = True
    took = time.monotonic() - began

    statuses = dict(
        ledger.rows("SELECT status, count(*) FROM public.generation_jobs GROUP BY status")
    )
    _log.info("seed %s: %s in %.0f s, kills %s", SEED, statuses, took, dict(storm.kills))
    assert sum(statuses.values()) == JOBS == sum(map(len, jobs.values()))
    assert set(statuses) == {"completed", "refunded"}
    assert statuses["completed"] > JOBS / 2
    assert min(storm.kills["worker"], storm.kills["service"]) > 0
    assert "Traceback" not in storm.crew.log() + storm.service.log()
    holds_are_settled(ledger)
    users_have_what_they_did_not_spend(ledger, jobs)
    ends_are_written_once(ledger)
    nothing_is_run_after_its_end(ledger, storm.provider)
    ledger.keeps_its_promises()
    report = await run_audit(storm.database.url, Settings())
    assert {one.invariant.name: one.told for one in report.verdicts if not one.holds} == {}


async def wait_until_ended(ledger: Ledger) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    left = "SELECT count(*) FROM public.generation_jobs WHERE finished_at IS NULL"
    while ledger.value(left):
        assert time.monotonic() < deadline, ledger.rows(
            "SELECT id, status, attempts, error, input FROM generation_jobs"
            " WHERE finished_at IS NULL LIMIT 5"
        )
        await asyncio.sleep(0.5)


def holds_are_settled(ledger: Ledger) -> None:
    """Captured and released make up what was held; each job's hold went one of both ways."""
    [(held, captured, back)] = ledger.rows(
        "SELECT sum(amount), sum(captured), sum(released + expired) FROM bursar.hold"
    )
    assert held == captured + back == JOBS
    assert (
        ledger.rows(
            "SELECT j.id FROM generation_jobs AS j JOIN bursar.hold AS h ON h.id = j.hold"
            " WHERE h.captured <> (j.status = 'completed')::integer OR h.status = 'open'"
        )
        == []
    )


def users_have_what_they_did_not_spend(ledger: Ledger, jobs: dict[str, list[str]]) -> None:
    spent: dict[str, int] = dict(
        ledger.rows(
            "SELECT user_id::text, count(*) FROM generation_jobs WHERE status = 'completed'"
            " GROUP BY user_id"
        )
    )
    for user in jobs:
        assert credits_of(ledger, user) == (JOBS - spent.get(user, 0), 0, 0)


def ends_are_written_once(ledger: Ledger) -> None:
    """One terminal event for each job, the one of its status; a picture where it is completed."""
    wrong = ledger.rows(
        "SELECT j.id, j.status, e.ends FROM generation_jobs AS j"
        " LEFT JOIN (SELECT job_id, array_agg(what) AS ends FROM generation_events"
        "     WHERE what IN ('completed', 'refunded') GROUP BY job_id) AS e ON e.job_id = j.id"
        " LEFT JOIN generation_outputs AS o ON o.job_id = j.id"
        " WHERE e.ends IS DISTINCT FROM ARRAY[j.status]"
        "     OR (j.status = 'completed' AND o.job_id IS NULL)"
    )
    assert wrong == []


def nothing_is_run_after_its_end(ledger: Ledger, provider: LocalProvider) -> None:
    """No job was leased once it had ended, and each call in the provider's book had a lease."""
    late = ledger.rows(
        "SELECT l.job_id, l.had_at - j.finished_at FROM public.leases AS l"
        " JOIN generation_jobs AS j ON j.id = l.job_id WHERE l.had_at > j.finished_at"
    )
    leases: dict[str, int] = dict(
        ledger.rows("SELECT job_id::text, count(*) FROM public.leases GROUP BY job_id")
    )
    book: list[dict[str, Any]] = provider.ask("GET", "/_calls")["data"]
    calls = Counter(one["key"] for one in book)
    again = Counter(one["key"] for one in book if one["status"] == 200)
    _log.info(
        "%s calls, %s of them once more after their answer was lost",
        len(book),
        sum(again.values()) - len(again),
    )
    assert late == []
    assert {key: n for key, n in calls.items() if n > leases.get(key, 0)} == {}
    made = {one["key"]: one["answer"] for one in book if one["answer"]}
    assert all(one["answer"] in ("", made.get(one["key"])) for one in book)
