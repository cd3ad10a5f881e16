"""Backups taken while everybody buys: exact, clean, and restored under a running service."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from bursar.db.scratch import ScratchDatabase
from bursar.ops.backup import Backup, prepare, restore, take_backup, verify_backup
from bursar.settings import Settings
from tests.deployment import Deployment
from tests.load import Load
from tests.promises import broken_promises
from tests.storms import LONG, VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions(*VERSIONS)]

BACKUPS = 10 if LONG else 1
MORE_BETWEEN = 500 if LONG else 25
PATIENCE_SECONDS = 60.0
SEED = 8
SETTINGS = Settings()


@pytest.fixture
def shop(database: ScratchDatabase, tmp_path: Path) -> Iterator[Deployment]:
    """A running server; what a restore has put aside is dropped afterwards."""
    running = Deployment(database, tmp_path, {"log_level": "error"}).start()
    try:
        yield running
    finally:
        running.stop()
        with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
                [f"{database.name}_before_"],
            ).fetchall()
            for (name,) in rows:
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(name)))


async def more(load: Load, count: int) -> None:
    """Wait until so many more requests have been acknowledged."""
    wanted, deadline = load.acknowledged + count, time.monotonic() + PATIENCE_SECONDS
    while load.acknowledged < wanted:
        assert time.monotonic() < deadline, "Nothing goes on."
        await asyncio.sleep(0.01)


def transactions(database: ScratchDatabase) -> int:
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT count(*) FROM bursar.transaction").fetchone()
    assert row is not None
    return int(row[0])


async def test_backups_under_load_are_exact_and_a_restore_goes_live_under_the_service(
    shop: Deployment, tmp_path: Path
) -> None:
    database = shop.database
    with psycopg.connect(database.url, autocommit=True) as connection:
        load = Load(shop, connection, SEED)
    running = asyncio.ensure_future(load.run())
    taken: list[Backup] = []
    for _ in range(BACKUPS):
        await more(load, MORE_BETWEEN)
        first = await asyncio.to_thread(transactions, database)
        backup = await asyncio.to_thread(take_backup, database.url, tmp_path / "backups")
        held = backup.manifest.contents.tables["bursar.transaction"].rows
        await more(load, MORE_BETWEEN)
        assert first <= held < await asyncio.to_thread(transactions, database)
        taken.append(backup)
    for backup in taken:
        verified = await asyncio.to_thread(verify_backup, backup.path, database.url, SETTINGS)
        assert verified.verification.findings == []

    plan = prepare(taken[-1].path, database.url)
    outcome = await asyncio.to_thread(restore, plan, database.url, SETTINGS)
    assert outcome.swapped
    await more(load, MORE_BETWEEN)  # the service has found its way to the restored one
    load.stop()
    await running

    with psycopg.connect(database.url, autocommit=True) as connection:
        assert broken_promises(connection) == []
        balances: dict[str, int] = dict(
            connection.execute("SELECT owner_id, balance FROM bursar.balance").fetchall()
        )
    async with httpx.AsyncClient(timeout=30) as client:
        for who in load.people[:3]:
            answer = await client.get(
                f"{shop.url}/v1/wallets/{who}?asset=credit", headers=shop.headers("service_role")
            )
            assert answer.json()["balance"] == balances[who]
    assert plan.outgoing is not None
    with psycopg.connect(
        database.cluster.url(database=plan.outgoing), autocommit=True
    ) as connection:
        assert broken_promises(connection) == [], "What was live before is not whole."
