"""Workers share jobs, keep their leases, and end without keeping a job."""

import asyncio
import time

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.generation import attempt
from bursar.generation.provider import Answer, Job
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.atelier import MADE, Said, Studio, slow, well
from tests.ledger_in_sql import Ledger
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS
from tests.relay import relay_before
from tests.studio import job, new_artist, new_product, submitted


async def test_a_call_that_takes_longer_than_its_lease_keeps_it(
    studio: Studio, own_ledger: Ledger
) -> None:
    own_ledger.stop_clock()
    job_id = submitted(own_ledger, new_artist(own_ledger))
    finished = asyncio.Event()

    async def paint(asked: Job) -> Answer:
        await finished.wait()
        return MADE

    async def a_second_passes() -> None:
        due = job(own_ledger, job_id)["due_at"]
        own_ledger.advance(1)
        await studio.until(lambda: job(own_ledger, job_id)["due_at"] != due)

    painters = [studio.hire(paint, lease=2)[1] for _ in range(2)]
    await studio.until(lambda: job(own_ledger, job_id)["status"] == "processing")
    for _ in range(3):  # A lease and a half.
        await a_second_passes()
    finished.set()

    assert (await studio.ended(job_id))["status"] == "completed"
    assert sum(len(painter.calls) for painter in painters) == 1


async def test_stopped_it_finishes_what_ends_in_time(studio: Studio, own_ledger: Ledger) -> None:
    job_id = submitted(own_ledger, new_artist(own_ledger))
    worker, painter = studio.hire(slow(1))
    await studio.until(lambda: len(painter.calls) == 1)
    later = submitted(own_ledger, new_artist(own_ledger))

    await worker.stop(PATIENCE_SECONDS)

    assert job(own_ledger, job_id)["status"] == "completed"
    assert job(own_ledger, later)["status"] in ("queued", "completed")


async def test_stopped_it_hands_back_what_does_not_and_the_attempt_does_not_count(
    studio: Studio, own_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "HAND_BACK_SECONDS", PATIENCE_SECONDS)
    job_id = submitted(
        own_ledger, new_artist(own_ledger), product=new_product(own_ledger, attempts_max=1)
    )
    worker, painter = studio.hire(slow(AGE_SECONDS))
    await studio.until(lambda: len(painter.calls) == 1)
    began = time.monotonic()

    await worker.stop(0.2)

    assert time.monotonic() - began < PATIENCE_SECONDS
    found = job(own_ledger, job_id)
    assert (found["status"], found["attempts"], found["lease"]) == ("queued", 0, None)
    assert studio.said.of("generation_handed_back") == [{"job_id": job_id}]
    studio.hire(well)
    assert (await studio.ended(job_id))["status"] == "completed"


async def test_many_workers_share_the_jobs_and_do_each_once(
    studio: Studio, own_ledger: Ledger
) -> None:
    jobs = [submitted(own_ledger, new_artist(own_ledger)) for _ in range(30)]
    painters = [studio.hire(slow(0.05), jobs=3)[1] for _ in range(4)]

    for job_id in jobs:
        assert (await studio.ended(job_id))["status"] == "completed"

    called = [one.job_id for painter in painters for one in painter.calls]
    assert sorted(called) == sorted(jobs)
    own_ledger.keeps_its_promises()


async def test_a_lease_whose_answer_was_lost_is_not_asked_for_again_and_the_loop_goes_on(
    database: ScratchDatabase, own_ledger: Ledger, said: Said
) -> None:
    own_ledger.stop_clock()
    product = new_product(own_ledger, attempts_max=2)
    job_id = submitted(own_ledger, new_artist(own_ledger), product=product)
    other = submitted(own_ledger, new_artist(own_ledger), product=product)
    async with (
        relay_before(database, database.service_url) as relay,
        await Engine.open(relay.url, Settings(pool_size_max=1)) as engine,
    ):
        studio = Studio(engine, own_ledger, said)
        relay.loses = b"lease_generation_jobs"
        worker, painter = studio.hire(well, jobs=1)
        await studio.until(lambda: bool(said.of("worker_failed")))
        assert (await studio.ended(other))["status"] == "completed"
        assert [call.job_id for call in painter.calls] == [other]
        lost = job(own_ledger, job_id)
        assert (lost["status"], lost["attempts"]) == ("processing", 1)

        own_ledger.advance(31)  # Its lease runs out.
        ended = await studio.ended(job_id)
        assert (ended["status"], ended["attempts"]) == ("completed", 2)
        await worker.stop(0)
    assert "outcome is unknown" in said.of("worker_failed")[0]["message"]
    own_ledger.keeps_its_promises()
