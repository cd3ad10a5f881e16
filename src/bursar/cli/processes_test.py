"""`bursar serve --processes N`: several processes, one address, nothing lost when one dies."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bursar.cli.conftest import STOP_SECONDS, environment, run
from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint
from tests.patience import PATIENCE_SECONDS

SECRET = "a secret of these tests, and of no other, of forty"
PROGRAM = [sys.executable, "-c", "from bursar.cli import main; main()"]


class Served:
    """A `bursar serve` with two processes over a database."""

    def __init__(self, database: ScratchDatabase, log: Path) -> None:
        self.database = database
        self.log = log
        self.temporary = Path(tempfile.mkdtemp(prefix="bursar-served-"))
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", "0"],
                env=environment(
                    BURSAR_PROCESSES="2",
                    TMPDIR=str(self.temporary),
                    BURSAR_DATABASE_URL=database.service_url,
                    BURSAR_JWT_SECRET=SECRET,
                    BURSAR_LOG_LEVEL="info",
                ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "answers at" in line, log.read_text()
        self.url = line.split()[-1]
        self.service = {"authorization": f"Bearer {mint('service_role', None, SECRET, 600)}"}

    def pids(self) -> list[int]:
        """The server processes, in the order in which they were started."""
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return sorted(map(int, done.stdout.split()))

    def metrics(self) -> dict[tuple[str, str, str], float]:
        """What /metrics shows, by name, verb and process."""
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            text = client.get(f"{self.url}/metrics").text
        return {
            (sample.name, sample.labels.get("verb", ""), sample.labels.get("process", "")): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("outcome", "done") == "done"
        }

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.process.communicate()
        shutil.rmtree(self.temporary)


@pytest.fixture
def served(database: ScratchDatabase, tmp_path: Path) -> Iterator[Served]:
    made = Served(database, tmp_path / "log")
    yield made
    made.close()


def wait_until(said: str, seen: object) -> None:
    """Ask `seen` until it is true, and fail with `said` when it never is."""
    assert callable(seen)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not buried yet does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


async def buy_under(served: Served, kill: int) -> tuple[str, int, set[str]]:
    """Spend from one wallet with many callers, kill a process meanwhile; return what was told."""
    owner, told = str(uuid.uuid4()), set[str]()
    body = {"owner_id": owner, "asset": "credit", "amount": 400}
    granted = httpx.post(
        f"{served.url}/v1/grants", json=body, headers=served.service, timeout=PATIENCE_SECONDS
    )
    assert granted.status_code == 201

    async def spend(number: int) -> None:
        key = f"spend-{owner}-{number}"
        body = {"owner_id": owner, "asset": "credit", "amount": 1}
        for _ in range(40):
            try:
                # A connection of its own, so that both processes get some.
                async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
                    answer = await client.post(
                        "/v1/spends", json=body, headers={**served.service, "idempotency-key": key}
                    )
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 201:
                told.add(key)
                return
            assert answer.status_code in (500, 503), answer.text
            await asyncio.sleep(0.1)
        raise AssertionError(f"{key} got no answer")

    async def caller(first: int) -> None:
        for number in range(first, 200, 16):
            await spend(number)
            if len(told) == 60:
                os.kill(kill, signal.SIGKILL)

    await asyncio.gather(*(caller(first) for first in range(16)))
    return owner, 200, told


@pytest.mark.slow
def test_a_process_killed_under_load_loses_nothing_and_is_replaced(served: Served) -> None:
    before = served.pids()
    assert len(before) == 2

    owner, sent, told = asyncio.run(buy_under(served, before[0]))

    assert len(told) == sent
    with served.database.connect() as connection:
        row = connection.execute(
            "SELECT w.balance, count(e.seq) FILTER (WHERE e.amount = -1), max(e.seq)"
            " FROM bursar.balance AS w JOIN bursar.entry AS e USING (owner_id, asset)"
            " WHERE w.owner_id = %s GROUP BY w.balance",
            [owner],
        ).fetchone()
    assert row == (200, 200, 201), "every key had its effect once"
    # The one that ended is listed until it is buried.
    wait_until(
        "no other took its place",
        lambda: len(served.pids()) == 2 and before[0] not in served.pids(),
    )
    assert before[1] in served.pids()
    assert "was ended by signal 9; another takes its place" in served.log.read_text()
    assert served.end() == 0
    assert SECRET not in served.log.read_text()


def test_both_processes_serve_and_metrics_show_the_counters_of_both(served: Served) -> None:
    def seen() -> dict[tuple[str, str, str], float]:
        """What /metrics shows when neither kept the other waiting for a second."""
        shown: list[dict[tuple[str, str, str], float]] = []

        def both_are_up() -> bool:
            shown.append(served.metrics())
            return all(shown[-1].get(("bursar_process_up", "", number)) == 1.0 for number in "12")

        wait_until("one of them does not answer", both_are_up)
        return shown[-1]

    def grants() -> dict[str, float]:
        return {
            process: value
            for (name, verb, process), value in seen().items()
            if (name, verb) == ("bursar_requests_total", "grant")
        }

    sent = 0
    while len(grants()) < 2:
        body = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 5}
        clients = [httpx.Client(base_url=served.url, timeout=PATIENCE_SECONDS) for _ in range(8)]
        for client in clients:  # Side by side, or one process would take them all.
            client.get("/health")
        for client in clients:
            assert client.post("/v1/grants", json=body, headers=served.service).status_code == 201
            client.close()
        sent += len(clients)
        assert sent < 2000, "one process never got anything"

    assert sum(grants().values()) == sent
    assert ("bursar_engine_queue_length", "", "2") in seen()


def test_a_process_that_is_gone_is_shown_as_down_and_the_others_are_still_shown(
    served: Served,
) -> None:
    body = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 5}
    httpx.post(
        f"{served.url}/v1/grants", json=body, headers=served.service, timeout=PATIENCE_SECONDS
    )
    os.kill(served.pids()[0], signal.SIGSTOP)  # It accepts no more, and answers nobody.
    stopped = served.pids()[0]
    try:
        seen: dict[tuple[str, str, str], float] = {}
        for _ in range(20):
            try:
                with httpx.Client(timeout=10) as client:
                    text = client.get(f"{served.url}/metrics").text
            except httpx.TimeoutException:
                continue  # The kernel gave this connection to the one that is stopped.
            seen = {
                (sample.name, "", sample.labels.get("process", "")): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
            break
        assert sorted(seen["bursar_process_up", "", number] for number in "12") == [0.0, 1.0]
    finally:
        os.kill(stopped, signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_them(served: Served, number: int) -> None:
    pids = served.pids()

    assert served.end(number) == 0

    assert not any(map(is_alive, pids))
    assert not any(served.temporary.iterdir())
    assert "Traceback" not in served.log.read_text()


def test_when_the_one_that_minds_them_is_killed_they_end_too(served: Served) -> None:
    pids = served.pids()
    assert any(served.temporary.iterdir()), "this test is about what is left there"

    served.process.kill()
    served.process.wait(STOP_SECONDS)

    wait_until("they go on", lambda: not any(map(is_alive, pids)))
    assert not any(served.temporary.iterdir())


def test_no_secret_is_seen_in_the_list_of_processes(served: Served) -> None:
    for pid in served.pids():
        shown = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert SECRET not in shown
        assert not re.search(r"postgresql://", shown)


@pytest.mark.parametrize("number", ["0", "65", "two"])
def test_a_number_of_processes_that_is_none_is_refused(number: str) -> None:
    done = run("serve", BURSAR_PROCESSES=number, BURSAR_DATABASE_URL="postgresql://nobody")

    assert done.returncode == 2
    assert "BURSAR_PROCESSES" in done.stderr
