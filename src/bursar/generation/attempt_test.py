"""An attempt at a job: whatever comes of it, nobody's credit is lost."""

import asyncio
from typing import Any

import pytest

from bursar.generation import attempt
from bursar.generation.attempt import backoff_seconds
from bursar.generation.provider import Answer, Job, ProviderError
from bursar.generation.worker import GenerationWorker
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.atelier import MADE, Painter, Said, Studio, failing, slow, well
from tests.ledger_in_sql import Ledger, done
from tests.patience import AGE_SECONDS
from tests.studio import credits_of, end, events, job, new_artist, new_product, submitted


async def test_a_job_is_made_kept_and_paid_for(studio: Studio, own_ledger: Ledger) -> None:
    user = new_artist(own_ledger)
    job_id = submitted(own_ledger, user)

    _, painter = studio.hire(well)

    found = await studio.ended(job_id)
    assert (found["status"], found["provider"], found["provider_reference"]) == (
        "completed",
        "painter",
        "r-1",
    )
    assert found["output"] == {"content_type": "image/png", "bytes": 4}
    kept = own_ledger.rows("SELECT content_type, content FROM generation_outputs")
    assert kept == [("image/png", b"\x89PNG")]
    assert [one.prompt for one in painter.calls] == ["a fox"]
    assert credits_of(own_ledger, user) == (0, 0, 0)
    await studio.until(lambda: bool(studio.said.of("generation_ended")))
    assert studio.said.of("generation_ended")[0]["message"] == f"Captured 1 credit of user {user}"
    own_ledger.keeps_its_promises()


async def test_what_it_came_to_is_charged_and_the_rest_comes_back(
    studio: Studio, own_ledger: Ledger
) -> None:
    user = new_artist(own_ledger, 5)
    job_id = submitted(own_ledger, user, product=new_product(own_ledger, price=5, kind="text"))

    async def write(asked: Job) -> Answer:
        return Answer(content=b"x", content_type="text/plain", text="a\x00b", tokens=9, price=2)

    studio.hire(write)

    found = await studio.ended(job_id)
    assert found["output"] == {"content_type": "text/plain", "bytes": 1, "text": "ab", "tokens": 9}
    assert credits_of(own_ledger, user) == (3, 0, 0)


async def test_a_final_failure_gives_the_credit_back_and_says_so(
    studio: Studio, own_ledger: Ledger
) -> None:
    user = new_artist(own_ledger)
    job_id = submitted(own_ledger, user)

    _, painter = studio.hire(failing(ProviderError("Not this one.\x00", retryable=False)))

    found = await studio.ended(job_id)
    assert (found["status"], found["error"]) == ("refunded", "Not this one.")
    assert len(painter.calls) == 1
    await studio.until(lambda: bool(studio.said.of("generation_ended")))
    [ended] = studio.said.of("generation_ended")
    assert ended["message"] == f"Refunded 1 credit to user {user} due to provider_error"
    assert credits_of(own_ledger, user) == (1, 0, 0)


@pytest.mark.parametrize(
    "error", [ProviderError("Try again.", retryable=True), KeyError("an adapter's mistake")]
)
async def test_what_may_pass_is_tried_again_as_often_as_the_product_says(
    studio: Studio, own_ledger: Ledger, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "BACKOFF_SECONDS", 0.1)
    user = new_artist(own_ledger)
    job_id = submitted(own_ledger, user, product=new_product(own_ledger, attempts_max=2))

    _, painter = studio.hire(failing(error))

    found = await studio.ended(job_id)
    assert (found["status"], found["attempts"], found["reason"]) == (
        "refunded",
        2,
        "provider_error",
    )
    assert [one.attempt for one in painter.calls] == [1, 2]
    assert events(own_ledger, job_id) == ["attempt_failed", "refunded"]
    assert credits_of(own_ledger, user) == (1, 0, 0)


async def test_a_provider_is_left_alone_for_as_long_as_it_asks(
    studio: Studio, own_ledger: Ledger
) -> None:
    own_ledger.stop_clock()
    job_id = submitted(own_ledger, new_artist(own_ledger))
    _, painter = studio.hire(failing(ProviderError("Slowly.", retryable=True, retry_after=41.2)))

    await studio.until(lambda: events(own_ledger, job_id) == ["attempt_failed"])

    wait = "SELECT extract(epoch FROM due_at - bursar.clock()) FROM generation_jobs WHERE id = %s"
    assert own_ledger.value(wait, job_id) == 42
    assert len(painter.calls) == 1


async def test_nobody_waits_an_hour_because_a_provider_asks_for_it(
    studio: Studio, own_ledger: Ledger
) -> None:
    job_id = submitted(own_ledger, new_artist(own_ledger))
    studio.hire(failing(ProviderError("Tomorrow.", retryable=True, retry_after=3600)))

    assert (await studio.ended(job_id))["status"] == "refunded"


async def test_a_call_has_its_time_and_no_more(studio: Studio, own_ledger: Ledger) -> None:
    product = new_product(own_ledger, call_seconds=1, attempts_max=1)
    job_id = submitted(own_ledger, new_artist(own_ledger), product=product)
    studio.hire(slow(60))

    found = await studio.ended(job_id)

    assert (found["status"], found["error"]) == (
        "refunded",
        "The provider did not answer within 1 s.",
    )


async def test_a_call_for_a_cancelled_job_is_dropped(studio: Studio, own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    job_id = submitted(own_ledger, new_artist(own_ledger))
    worker, painter = studio.hire(slow(AGE_SECONDS), lease=1)
    await studio.until(lambda: len(painter.calls) == 1)

    done(end(own_ledger, job_id, "cancelled"))

    await studio.until(lambda: worker.under_way == 0)
    assert studio.said.of("generation_dropped") == [{"job_id": job_id}]
    assert events(own_ledger, job_id) == ["refunded"]


async def test_a_result_that_comes_after_the_end_is_recorded_and_not_delivered(
    studio: Studio, own_ledger: Ledger
) -> None:
    user = new_artist(own_ledger)
    own_ledger.stop_clock()
    job_id = submitted(own_ledger, user, product=new_product(own_ledger, stuck_seconds=1))
    finished = asyncio.Event()

    async def paint(asked: Job) -> Answer:
        await finished.wait()
        return MADE

    _, painter = studio.hire(paint)
    await studio.until(lambda: len(painter.calls) == 1)
    own_ledger.advance(1)
    assert own_ledger.value("SELECT bursar.expire_generation_jobs()") == 1
    assert credits_of(own_ledger, user) == (1, 0, 0)
    finished.set()

    await studio.until(lambda: bool(studio.said.of("generation_ended")))

    assert studio.said.of("generation_ended")[0]["effect"] == "late_success"
    assert events(own_ledger, job_id) == ["refunded", "late_success"]
    assert own_ledger.rows("SELECT FROM generation_outputs") == []
    assert credits_of(own_ledger, user) == (1, 0, 0)


async def test_while_changes_are_paused_an_answer_waits(studio: Studio, own_ledger: Ledger) -> None:
    job_id = submitted(own_ledger, new_artist(own_ledger))
    _, painter = studio.hire(slow(0.5))
    await studio.until(lambda: len(painter.calls) == 1)
    own_ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    await asyncio.sleep(1)
    assert job(own_ledger, job_id)["status"] == "processing"

    own_ledger.admin.execute("UPDATE bursar.gate SET degraded = false")

    assert (await studio.ended(job_id))["status"] == "completed"
    assert own_ledger.rows("SELECT content FROM generation_outputs") == [(b"\x89PNG",)]
    assert len(painter.calls) == 1


async def test_an_answer_that_cannot_be_kept_costs_nothing(
    studio: Studio, own_ledger: Ledger
) -> None:
    user = new_artist(own_ledger)
    job_id = submitted(own_ledger, user)

    async def dear(asked: Job) -> Answer:
        return Answer(content=b"x", content_type="image/png", price=10**12)

    studio.hire(dear)

    assert (await studio.ended(job_id))["status"] == "refunded"
    assert credits_of(own_ledger, user) == (1, 0, 0)


class Flaky:
    """A ledger that loses the answer to the first end it is asked for, after carrying it out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.lost = 0
        self.read = engine.read
        self.call_batch = engine.call_batch

    async def call(self, verb: str, request: Any) -> dict[str, Any]:
        outcome = await self._engine.call(verb, request)
        if not self.lost:
            self.lost = 1
            raise OSError("The answer was lost.")
        return outcome


async def test_an_end_whose_answer_was_lost_is_told_again(
    engine: Engine, own_ledger: Ledger, said: Said
) -> None:
    user = new_artist(own_ledger)
    job_id = submitted(own_ledger, user)
    worker = GenerationWorker(Settings(worker_interval_ms=50), Painter(well), said)
    worker.start(Flaky(engine))
    await Studio(engine, own_ledger, said).until(lambda: bool(said.of("generation_ended")))
    await worker.stop(1)

    assert said.of("generation_ended")[0]["effect"] == "duplicate_answer"
    assert job(own_ledger, job_id)["status"] == "completed"
    assert credits_of(own_ledger, user) == (0, 0, 0)


class Pausing(Flaky):
    """A ledger in which changes are paused for a moment, just when a picture is to be kept."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.lost = 1
        self.paused = 0
        self._read = engine.read
        self.read = self._look

    async def _look(self, function: str, *arguments: str | int | None) -> Any:
        if function == "keep_generation_output" and not self.paused:
            self.paused = 1
            return False
        return await self._read(function, *arguments)


async def test_no_job_is_completed_without_what_was_made(
    engine: Engine, own_ledger: Ledger, said: Said
) -> None:
    submitted(own_ledger, new_artist(own_ledger))
    worker, paused = GenerationWorker(Settings(), Painter(well), said), Pausing(engine)
    worker.start(paused)
    await Studio(engine, own_ledger, said).until(lambda: bool(said.of("generation_ended")))
    await worker.stop(1)

    assert paused.paused == 1
    assert own_ledger.rows("SELECT content FROM generation_outputs") == [(b"\x89PNG",)]


@pytest.mark.parametrize(
    ("tries", "asked", "least", "most"),
    [(1, None, 1, 1), (3, None, 2, 4), (5, None, 8, 16), (50, None, 30, 60), (1, 6.1, 7, 7)],
)
def test_waits_grow_and_are_never_shorter_than_asked_for(
    tries: int, asked: float | None, least: int, most: int
) -> None:
    waits = {backoff_seconds(tries, asked) for _ in range(200)}

    assert least <= min(waits)
    assert max(waits) <= most
    assert len(waits) > 1 or least == most
