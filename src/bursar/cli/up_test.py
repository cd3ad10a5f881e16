import os
import signal
import socket
import stat
from pathlib import Path

import httpx
import psycopg
import pytest

from bursar.cli.conftest import STOP_SECONDS, Up, run
from bursar.cli.deployment import SECRET_FILE, Deployment
from bursar.cli.up import SERVICE_ROLE, STORE_FILE
from tests.patience import PATIENCE_SECONDS, wait_until

OWNER = "5b1d9c7e-0000-4000-8000-00000000000a"


def grant(up: Up, amount: int, key: str) -> int:
    answer = httpx.post(
        f"{up.url}/v1/grants",
        json={"owner_id": OWNER, "asset": "credit", "amount": amount},
        headers={"Authorization": f"Bearer {up.token()}", "Idempotency-Key": key},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.is_success, answer.text
    return int(answer.json()["balance"])


def another_minds_the_data(up: Up, pid: int) -> None:
    """Return once another PostgreSQL than the one with that process id serves."""
    wait_until(lambda: up.cluster.pid not in (None, pid))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_exit_code_0_and_no_server_left(up: Up, number: int) -> None:
    up.start()
    up.wait_until_healthy()

    code = up.end(number)

    assert code == 0, up.said
    assert not up.cluster.is_running()
    assert up.health() == 0


def test_a_second_start_is_quick_and_keeps_the_data(up: Up) -> None:
    up.start()
    balance = grant(up, 70, "first")
    up.end()

    seconds = up.start()

    assert seconds < PATIENCE_SECONDS
    assert grant(up, 70, "first") == balance, "the key was forgotten"
    assert grant(up, 1, "second") == balance + 1


def test_the_demonstration_is_set_up_once(up: Up) -> None:
    up.start()
    assert httpx.get(f"{up.url}/demo/rewards", timeout=PATIENCE_SECONDS).status_code == 200
    assert "/demo/studio" in up.said
    with psycopg.connect(Deployment.find(up.data).url()) as connection:
        before = connection.execute("SELECT count(*), sum(balance) FROM user_credits").fetchone()
        jobs = connection.execute("SELECT count(*) FROM generation_jobs").fetchone()
    assert jobs == (3,)
    up.end()

    up.start()

    with psycopg.connect(Deployment.find(up.data).url()) as connection:
        after = connection.execute("SELECT count(*), sum(balance) FROM user_credits").fetchone()
        assert connection.execute("SELECT count(*) FROM generation_jobs").fetchone() == jobs
    assert before is not None
    assert before[0] > 0
    assert after == before


def test_it_serves_with_several_processes_and_prepares_once(up: Up) -> None:
    up.start("--processes", "2")
    # Which of them is asked waits a second for the other.
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        up_too = 'bursar_process_up{process="2"} 1.0'
        wait_until(lambda: up_too in client.get(f"{up.url}/metrics").text)
    assert up.said.count("The demo is set up") == 1
    assert httpx.get(f"{up.url}/demo/rewards", timeout=PATIENCE_SECONDS).status_code == 200

    assert up.end() == 0
    assert up.said.count("Stopping.") == 1
    assert not up.cluster.is_running()


def test_after_a_kill_it_starts_again_over_the_server_that_was_left(up: Up) -> None:
    up.start()
    balance = grant(up, 10, "before the kill")
    up.end(signal.SIGKILL)
    assert up.cluster.is_running(), "this test is about a server that was left behind"

    up.start()

    assert grant(up, 10, "before the kill") == balance
    assert up.end() == 0
    assert not up.cluster.is_running()


def test_a_killed_postgresql_is_started_again_while_it_runs(up: Up) -> None:
    up.start()
    grant(up, 10, "before")
    pid = up.cluster.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    another_minds_the_data(up, pid)
    up.wait_until_healthy()
    assert grant(up, 10, "after") == 20
    assert up.end() == 0


def test_it_goes_on_minding_its_database_when_nobody_reads_what_it_says(up: Up) -> None:
    up.start()
    output = up.process.stdout
    assert output is not None
    output.close()

    for _ in range(2):
        pid = up.cluster.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        another_minds_the_data(up, pid)
        up.wait_until_healthy()

    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(STOP_SECONDS) == 0
    assert not up.cluster.is_running()


def test_the_pretend_store_is_believed_and_remembered(up: Up) -> None:
    up.start()
    header = (up.data / STORE_FILE).read_text()
    up.end()
    up.start()

    sold = httpx.post(
        f"{up.url}/demo/store/purchases",
        json={"visitor": "new-learner", "sku": "consumable_streakshield_1"},
        timeout=PATIENCE_SECONDS,
    ).json()

    assert (up.data / STORE_FILE).read_text() == header
    assert [(one["status"], one["effect"]) for one in sold["deliveries"]] == [(200, "applied")]
    anybody = httpx.post(
        f"{up.url}/api/webhooks/revenuecat", json={"event": {}}, timeout=PATIENCE_SECONDS
    )
    assert anybody.status_code == 401


def test_it_tells_where_everything_is_and_keeps_its_secrets(up: Up) -> None:
    up.start()
    secret = (up.data / SECRET_FILE).read_text().strip()
    header = (up.data / STORE_FILE).read_text().strip()
    password = up.cluster.place.password(SERVICE_ROLE)
    up.end()

    for expected in (
        "/demo/rewards",
        "/demo/marketplace",
        "/demo/shop",
        "/docs",
        "/health",
        "db psql",
        "token --role",
    ):
        assert expected in up.said
    assert secret not in up.said
    assert header.removeprefix("Bearer ") not in up.said
    assert password not in up.said
    for path in (
        up.data / SECRET_FILE,
        up.data / STORE_FILE,
        up.cluster.place.password_file(SERVICE_ROLE),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_service_is_no_superuser(running: Up) -> None:
    with psycopg.connect(Deployment.find(running.data).url()) as connection:
        rows = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            # Who is just logging in has no name yet.
            " AND usename IS NOT NULL"
        ).fetchall()

    assert rows == [(SERVICE_ROLE,)]


def test_a_port_in_use_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        done = run("up", "--port", str(port), "--data", str(tmp_path / "data"))

    assert done.returncode == 7
    assert f"Port {port} is in use" in done.stderr
    assert not (tmp_path / "data").exists()
