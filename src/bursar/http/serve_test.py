import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint
from bursar.http.conftest import SECRET
from tests.patience import PATIENCE_SECONDS, wait_until

# Says where it answers, and how many objects a search for garbage looks through.
PROGRAM = """
import gc
from bursar.http.serve import serve
from bursar.settings import Settings
def ready(at): print(at, len(gc.get_objects()), sep="\\n", flush=True)
serve(Settings.from_environment(), "127.0.0.1", 0, on_ready=ready)
"""


@pytest.fixture
def server(database: ScratchDatabase) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    environment = {
        **os.environ,
        "BURSAR_DATABASE_URL": database.service_url,
        "BURSAR_JWT_SECRET": SECRET,
        "BURSAR_LOG_LEVEL": "info",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, process.stderr and process.stderr.read()
    yield address, process
    process.kill()
    process.communicate()


def test_a_real_server_answers_and_ends_cleanly(
    server: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = server
    headers = {"authorization": f"Bearer {mint('service_role', None, SECRET, 60)}"}
    body = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 5}
    with httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as client:
        # A database that is slow to answer is not well for two seconds.
        wait_until(lambda: client.get("/health").json()["status"] == "ok")
        answer = client.post("/v1/grants", json=body, headers=headers)
        assert answer.status_code == 201
        assert "server" not in answer.headers
        assert client.get("/v1/wallets/a%2Fb?asset=credit", headers=headers).status_code == 404
        answer = client.post("/v1/grants", content=b"x" * 2_000_000, headers=headers)
        assert answer.status_code == 413
        assert client.head("/health").content == b""
        assert client.options("/v1/grants").status_code == 204
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in log
    assert SECRET not in log
    assert '"route":"/v1/grants"' in log


def test_nobody_waits_for_a_search_through_what_was_there_at_the_start(
    server: tuple[str, subprocess.Popen[str]],
) -> None:
    _, process = server
    assert process.stdout is not None

    assert int(process.stdout.readline()) < 5_000  # Without care: 80,000.


def test_those_who_listen_or_wait_do_not_keep_it_from_ending(
    server: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = server
    user = str(uuid.uuid4())
    service = {"authorization": f"Bearer {mint('service_role', None, SECRET, 60)}"}
    me = {"authorization": f"Bearer {mint('authenticated', user, SECRET, 60)}"}
    grant = {"owner_id": user, "asset": "generation_credit", "amount": 1}
    sent = threading.Event()

    def note(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            sent.set()

    with httpx.Client(base_url=address, timeout=30) as client:
        assert client.post("/v1/grants", json=grant, headers=service).status_code == 201
        submitted = client.post(
            "/functions/v1/submit-generation", json={"prompt": "a fox"}, headers=me
        )
        job = f"/functions/v1/generation-jobs/{submitted.json()['job_id']}"
        with (
            ThreadPoolExecutor(1) as pool,
            client.stream("GET", f"{job}/events", headers=me) as listening,
        ):
            pieces = listening.iter_text()
            while "event: state" not in next(pieces):
                pass
            trace = {"trace": note}
            waiting = pool.submit(client.get, f"{job}?wait=20", headers=me, extensions=trace)
            assert sent.wait(PATIENCE_SECONDS)
            # Somebody who came later was answered, so whoever waits is being served.
            later = httpx.get(f"{address}/health", timeout=PATIENCE_SECONDS)
            assert later.status_code in (200, 503)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert "".join(pieces) == ""
            assert waiting.result(15).json()["status"] == "queued"
    _, log = process.communicate(timeout=30)
    assert time.monotonic() - began < 18  # Who waits is answered after 20 by itself.
    assert "exceeded" not in log
