"""`bursar worker` as a process: it works, it ends in order, and it says what it lacks."""

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from bursar.cli.conftest import PROGRAM, STOP_SECONDS, environment, run
from bursar.db.scratch import ScratchDatabase
from bursar.stand_ins.provider.process import LocalProvider
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.studio import credits_of, job, new_artist, new_product, submitted

KEY = "sk-known-to-these-tests-only"


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    with LocalProvider(api_key=KEY) as made:
        assert made.address
        yield made


class Hired:
    """A running `bursar worker`."""

    def __init__(self, database: ScratchDatabase, provider: LocalProvider, *more: str) -> None:
        self._process = subprocess.Popen(
            [*PROGRAM, "worker", *more],
            env=environment(
                BURSAR_DATABASE_URL=database.service_url,
                BURSAR_PROVIDER_URL=provider.api,
                BURSAR_PROVIDER_API_KEY=KEY,
                BURSAR_WORKER_INTERVAL_MS="100",
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "is ready" in line, self._process.communicate()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, float]:
        """Send a signal; return the exit code, the log, and how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(number)
        try:
            _, log = self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, log = self._process.communicate()
            raise AssertionError(f"It did not end.\n{log[-4000:]}") from None
        return self._process.returncode, log, time.monotonic() - began


def test_it_does_what_is_due_and_says_what_came_of_it(
    database: ScratchDatabase, provider: LocalProvider
) -> None:
    ledger = Ledger(database)
    user, other = new_artist(ledger), new_artist(ledger)
    good = submitted(ledger, user, input={"prompt": "a fox", "size": "32x32"})
    bad = submitted(ledger, other, input={"prompt": "[fail 400]"})
    worker = Hired(database, provider)

    wait_until(lambda: all(job(ledger, one)["finished_at"] for one in (good, bad)))
    code, log, _ = worker.end()

    assert (job(ledger, good)["status"], job(ledger, bad)["status"]) == ("completed", "refunded")
    assert (credits_of(ledger, user), credits_of(ledger, other)) == ((0, 0, 0), (1, 0, 0))
    assert f"Refunded 1 credit to user {other} due to provider_error" in log
    assert (code, KEY in log, "Traceback" in log) == (0, False, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_hands_back_what_does_not_end_in_time(
    database: ScratchDatabase, provider: LocalProvider, number: int
) -> None:
    ledger = Ledger(database)
    job_id = submitted(ledger, new_artist(ledger), input={"prompt": "[hang x1]", "size": "32x32"})
    worker = Hired(database, provider, "--grace", "0.5")
    wait_until(lambda: bool(provider.ask("GET", f"/_calls?key={job_id}")["data"]))

    code, log, took = worker.end(number)

    assert (code, took < PATIENCE_SECONDS) == (0, True)
    assert "generation_handed_back" in log
    assert (job(ledger, job_id)["status"], job(ledger, job_id)["attempts"]) == ("queued", 0)
    other = Hired(database, provider)
    wait_until(lambda: job(ledger, job_id)["status"] == "completed")
    assert other.end()[0] == 0


def test_without_jobs_it_only_sweeps(database: ScratchDatabase, provider: LocalProvider) -> None:
    ledger = Ledger(database)
    user = new_artist(ledger)
    product = new_product(ledger, hold_seconds=1)
    job_id = submitted(ledger, user, product=product)
    worker = Hired(database, provider, "--concurrency", "0")

    wait_until(lambda: job(ledger, job_id)["status"] == "refunded")

    assert worker.end()[0] == 0
    assert job(ledger, job_id)["reason"] == "not_taken_up"
    assert credits_of(ledger, user) == (1, 0, 0)


@pytest.mark.parametrize(
    ("settings", "code", "sentence"),
    [
        ({}, 2, "Set BURSAR_PROVIDER_URL"),
        ({"BURSAR_PROVIDER_URL": "somewhere"}, 2, "must be an http or https address"),
        (
            {"BURSAR_PROVIDER_URL": "http://127.0.0.1:1", "BURSAR_DEGRADED_MODE": "1"},
            2,
            "BURSAR_DEGRADED_MODE",
        ),
    ],
)
def test_it_says_what_it_lacks(
    database: ScratchDatabase, settings: dict[str, str], code: int, sentence: str
) -> None:
    done = run("worker", **{"BURSAR_DATABASE_URL": database.service_url, **settings})

    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr


def test_a_database_that_is_not_there_is_said_to_be() -> None:
    away = "postgresql://nobody@127.0.0.1:1/none"
    done = run("worker", BURSAR_DATABASE_URL=away, BURSAR_PROVIDER_URL="http://127.0.0.1:1")

    assert (done.returncode, "cannot be reached" in done.stderr) == (6, True), done.stderr
