"""`bursar serve` and `bursar up` have a place for what is accepted while the database is away."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bursar.cli.conftest import STOP_SECONDS, Up, environment
from bursar.cli.front_door import with_spool
from bursar.cli.processes_test import PROGRAM, SECRET
from bursar.settings import Settings
from tests.app_store import AUTHORIZATION, CLAIM, WEBHOOK, Sold, posted
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize("processes", ["1", "2"])
def test_serve_keeps_what_it_accepts_below_its_data_directory(
    tmp_path: Path, processes: str
) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--data", str(data), "--processes", processes],
        env=environment(
            BURSAR_DATABASE_URL="postgresql://127.0.0.1:1/none",
            BURSAR_JWT_SECRET=SECRET,
            BURSAR_REVENUECAT_AUTHORIZATION=AUTHORIZATION,
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert not data.exists()
        answer = httpx.post(url + WEBHOOK, timeout=60, **posted(Sold().bought()))
        assert (answer.status_code, answer.json()["effect"]) == (200, "spooled")
        assert httpx.get(f"{url}/status", timeout=60).json()["spooled"] == 1
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=STOP_SECONDS)
    [kept] = (data / "spool").glob("*.spool")
    assert kept.read_bytes().count(b"\n") == 1


def test_what_comes_while_up_starts_its_database_again_is_kept_and_carried_out(up: Up) -> None:
    # With a second try the engine would still find the server that is started again.
    up.start(
        BURSAR_REVENUECAT_AUTHORIZATION=AUTHORIZATION,
        BURSAR_WORKER_INTERVAL_MS="200",
        BURSAR_RETRY_ATTEMPTS="1",
    )
    service = {"authorization": f"Bearer {up.token()}"}
    pid = up.cluster.pid
    assert pid is not None
    sales, effects = [Sold() for _ in range(20)], set()
    with httpx.Client(base_url=up.url, timeout=60) as client:
        assert client.get("/health").status_code == 200
        os.kill(pid, signal.SIGKILL)
        for sale in sales:
            answer = client.post(WEBHOOK, **posted(sale.bought()))
            assert answer.status_code == 200, answer.text
            effects.add(answer.json()["effect"])
            claim = sale.claim | {"user_id": sale.user_id}
            answer = client.post(CLAIM, json=claim, headers=service)
            assert answer.status_code in (200, 202), answer.text
        assert "spooled" in effects
        up.wait_until_healthy()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while client.get("/status").json()["spooled"]:
            assert time.monotonic() < deadline, "The spool is not carried out."
            time.sleep(0.1)
        for sale in sales:
            claim = sale.claim | {"user_id": sale.user_id}
            while (answer := client.post(CLAIM, json=claim, headers=service)).status_code != 200:
                assert time.monotonic() < deadline, answer.text
                time.sleep(0.1)
            told = answer.json()
            assert (told["replayed"], told["wallet"]["streakshield_count"]) == (True, 1)
    assert up.end() == 0


def test_a_directory_that_the_settings_name_is_kept(tmp_path: Path) -> None:
    settings = Settings(spool_directory="elsewhere")
    assert with_spool(settings, tmp_path) == settings
    chosen = with_spool(replace(settings, spool_directory=""), tmp_path / "x" / "..")
    assert chosen.spool_directory == str(tmp_path / "spool")
