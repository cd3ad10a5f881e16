"""Generation inside the service: it works on jobs itself, and stops without keeping any."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider
from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.studio import credits_of, job, new_artist, new_product, submitted

KEY = "sk-known-to-these-tests-only"


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    with LocalProvider(api_key=KEY) as made:
        assert made.address
        yield made


@pytest.fixture
def service(
    database: ScratchDatabase, provider: LocalProvider, tmp_path: Path
) -> Iterator[Deployment]:
    """A service that is not started yet."""
    settings = {"provider_url": provider.api, "provider_api_key": KEY, "worker_interval_ms": "100"}
    made = Deployment(database, tmp_path, settings)
    yield made
    made.stop()


def test_a_service_that_is_stopped_hands_its_jobs_to_the_next(
    database: ScratchDatabase, provider: LocalProvider, service: Deployment
) -> None:
    ledger = Ledger(database)
    hanging = {"prompt": "a fox [hang x1]", "size": "32x32"}
    job_id = submitted(ledger, new_artist(ledger), input=hanging)
    service.start()
    wait_until(lambda: bool(provider.ask("GET", f"/_calls?key={job_id}")["data"]))
    began = time.monotonic()

    service.stop()

    assert time.monotonic() - began < PATIENCE_SECONDS
    assert (job(ledger, job_id)["status"], job(ledger, job_id)["attempts"]) == ("queued", 0)
    service.start()
    wait_until(lambda: job(ledger, job_id)["status"] == "completed")
    assert KEY not in service.log()
    assert "Traceback" not in service.log()


def test_a_service_gives_back_what_nobody_ends_and_says_so(
    database: ScratchDatabase, service: Deployment
) -> None:
    ledger = Ledger(database)
    refused, forgotten = new_artist(ledger), new_artist(ledger)
    product = new_product(ledger, stuck_seconds=1, call_seconds=60)
    bad = submitted(ledger, refused, input={"prompt": "[fail 400]"})
    stuck = submitted(ledger, forgotten, product=product, input={"prompt": "[hang]"})
    service.start()

    wait_until(lambda: all(job(ledger, one)["finished_at"] for one in (bad, stuck)))

    assert (job(ledger, bad)["reason"], job(ledger, stuck)["reason"]) == (
        "provider_error",
        "timeout",
    )
    assert credits_of(ledger, refused) == credits_of(ledger, forgotten) == (1, 0, 0)
    said = f"Refunded 1 credit to user {refused} due to provider_error"
    wait_until(lambda: said in service.log() and "generation_jobs_given_up" in service.log())


async def test_the_audit_knows_that_a_submitted_job_posts_nothing(
    database: ScratchDatabase,
) -> None:
    ledger = Ledger(database)
    submitted(ledger, new_artist(ledger))

    report = await run_audit(database.url, Settings())

    assert {one.invariant.name: one.told for one in report.verdicts if not one.holds} == {}
