"""A restore that is killed (-9) at any moment leaves one live database; the next one goes well."""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bursar.cli import conftest
from bursar.db.scratch import ScratchDatabase
from bursar.ops.backup import take_backup
from tests.promises import broken_promises
from tests.store import balance, grant_all, person

pytestmark = pytest.mark.skipif(
    os.environ.get("BURSAR_LONG") != "1", reason="Takes a minute: only with BURSAR_LONG=1."
)
KILLS = 15
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
HELD, LATER = 10, 15


@pytest.fixture
def shop(database: ScratchDatabase) -> Iterator[ScratchDatabase]:
    """A database; what restores have left beside it is dropped afterwards."""
    yield database
    with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
        for name in beside(connection, database.name):
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def beside(connection: psycopg.Connection, name: str) -> list[str]:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{name}_"]
    ).fetchall()
    return [found for (found,) in rows]


def start(shop: ScratchDatabase, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*conftest.PROGRAM, "restore", str(path)],
        env=conftest.environment(BURSAR_DATABASE_URL=shop.url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_restore_that_is_killed_leaves_one_live_database(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    dice = random.Random(SEED)
    with psycopg.connect(shop.url, autocommit=True) as connection:
        who = person(connection, HELD)
        path = take_backup(shop.url, tmp_path).path
        grant_all(connection, [who], LATER - HELD)
    begun = time.monotonic()
    assert start(shop, path).wait(120) == 0
    lasts = time.monotonic() - begun

    for _ in range(KILLS):
        process = start(shop, path)
        time.sleep(dice.uniform(0.3, 1.0) * lasts)
        process.kill()
        process.wait(30)
        with psycopg.connect(shop.url, autocommit=True) as connection:
            assert balance(connection, who) == HELD
            assert broken_promises(connection) == [], f"seed {SEED}"
    assert start(shop, path).wait(120) == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        assert balance(connection, who) == HELD
        kept = {name for name in beside(connection, shop.name) if "_before_" in name}
    assert len(kept) >= 2
