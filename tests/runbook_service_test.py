"""The runbook's incidents of a running service: made to happen, then the page is followed."""

import asyncio
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
import structlog

from bursar.cli.conftest import Up
from bursar.cli.deployment import Deployment
from bursar.client import connect
from bursar.db.scratch import ScratchDatabase
from bursar.ledger.pause import Pause
from bursar.ops.watchdog import Watchdog
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.runbook import Incident, incident

OWNER = "5b1d9c7e-0000-4000-8000-000000000001"
THIEF = "5b1d9c7e-0000-4000-8000-000000000002"
MUCH = 1 << 30


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """A running `bursar up` in the directory of this test, where the commands find it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("BURSAR_")]:
        if not name.startswith("BURSAR_TEST"):
            monkeypatch.delenv(name)
    made = Up(tmp_path / ".bursar")
    try:
        made.start("--no-demo")
        yield made
    finally:
        made.close()


def grant(service: Up, owner_id: str, amount: int, token: str = "") -> int:
    """Grant over HTTP with a service token; the status."""
    return httpx.post(
        f"{service.url}/v1/grants",
        json={"owner_id": owner_id, "asset": "credit", "amount": amount, "reason": "welcome"},
        headers={"authorization": f"Bearer {token or service.token()}"},
        timeout=PATIENCE_SECONDS,
    ).status_code


def test_the_database_is_slow(database: ScratchDatabase) -> None:
    ledger = Ledger(database)
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=9))
    forgotten = database.connect(autocommit=False)
    forgotten.execute("SET application_name = 'psql'")
    forgotten.execute("UPDATE public.user_credits SET balance = 8")
    with psycopg.connect(
        database.url,
        autocommit=True,
        application_name="bursar",
        options="-c lock_timeout=600s -c statement_timeout=600s",
    ) as blocked:
        spend = f'[{{"owner_id": "{OWNER}", "asset": "credit", "amount": 2, "reason": "x"}}]'
        writer = threading.Thread(
            target=blocked.execute, args=("SELECT bursar.spend(%s::jsonb)", [spend])
        )
        writer.start()
        try:
            wait_until(
                lambda: (
                    ledger.value(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s",
                        blocked.info.backend_pid,
                    )
                    > 0
                )
            )
            page = incident("The database is slow", database)
            page.stands_for["4711"] = str(forgotten.info.backend_pid)
            page.stands_for["4712"] = str(blocked.info.backend_pid)

            page.follow("diagnose")
            page.follow("db psql")
            writer.join(PATIENCE_SECONDS)
            assert not writer.is_alive()
            page.follow("diagnose")
        finally:
            forgotten.close()
            writer.join(PATIENCE_SECONDS)

    assert page.is_over
    assert ledger.wallet(OWNER)[0] == 7


def test_the_disk_is_full(database: ScratchDatabase, tmp_path: Path) -> None:
    ledger = Ledger(database)
    owner = ledger.funded(5)
    slot = "forgotten"

    def watch(free_bytes_min: int) -> None:
        asyncio.run(_watch(database, tmp_path, free_bytes_min))

    def spend() -> str:
        told = ledger.one("spend", owner_id=owner, asset="credit", amount=1)
        return str(told.get("code") or told["status"])

    ledger.rows("SELECT pg_create_physical_replication_slot(%s, true)", slot)
    try:
        watch(shutil.disk_usage(tmp_path).free + MUCH)
        assert spend() == "DEGRADED"
        page = incident("The disk is full", database)
        page.follow("degraded status")
        page.follow("diagnose")
        page.follow("db psql")
        page.follow("db psql")
        assert ledger.value("SELECT count(*) FROM pg_replication_slots") == 0
        watch(shutil.disk_usage(tmp_path).free // 4)
        page.follow("degraded status")
    finally:
        ledger.rows(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s",
            slot,
        )

    assert page.is_over
    assert spend() == "done"


async def _watch(database: ScratchDatabase, directory: Path, free_bytes_min: int) -> None:
    """Let the service's watchdog look once at a disk that has less room than it asks for."""
    settings = replace(
        Settings(), watch_directory=str(directory), watch_free_bytes_min=free_bytes_min
    )
    async with connect(database.url, settings=settings) as bank:
        watchdog = Watchdog(settings, Pause(by_environment=False), structlog.get_logger())
        await watchdog.watch(bank)


def test_full_outage(service: Up, tmp_path: Path) -> None:
    assert grant(service, OWNER, 100) == 201
    postgres = service.cluster.pid
    assert postgres is not None
    service.end(signal.SIGKILL)
    os.kill(postgres, signal.SIGKILL)
    wait_until(lambda: not service.cluster.is_running())
    page = Incident("Full outage", {}, **{"/srv/shop": str(tmp_path)})
    page.stands_for["/var/run/postgresql"] = str(service.cluster.place.socket_directory)

    assert page.follow("db status") == 6
    assert page.follow("db start") == 0
    assert page.follow("audit") == 0
    service.start("--no-demo")
    page.stands_for["http://127.0.0.1:8420"] = service.url
    assert page.follow("smoke") == 0
    page.follow("queue list")

    assert page.is_over
    with psycopg.connect(Deployment.find(service.data).url()) as connection:
        found = connection.execute(
            "SELECT balance FROM public.user_credits WHERE user_id = %s", [OWNER]
        ).fetchone()
    assert found == (100,)


def test_a_leaked_token_or_password(service: Up) -> None:
    stolen = service.token()
    passwords = service.cluster.place.password_file("bursar_service")
    password = passwords.read_text("ascii")
    assert grant(service, OWNER, 100) == 201
    assert grant(service, THIEF, 900, stolen) == 201
    # As the page says: both files are removed, and the service is started again.
    service.end()
    (service.data / "jwt-secret").unlink()
    passwords.unlink()
    service.start("--no-demo")
    page = Incident("A leaked token or password", {})

    assert grant(service, THIEF, 900, stolen) == 401
    assert passwords.read_text("ascii") != password
    page.follow("db psql")
    assert page.follow("wallet freeze") == 0
    assert page.follow("wallet adjust") == 0
    page.follow("wallet freeze")

    assert page.is_over
    with psycopg.connect(Deployment.find(service.data).url()) as connection:
        rows = connection.execute(
            "SELECT user_id::text, balance, bursar_status FROM public.user_credits ORDER BY 1"
        ).fetchall()
    assert rows == [(OWNER, 100, "open"), (THIEF, 0, "open")]
