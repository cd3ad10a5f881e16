"""Sealing while writers write: nothing is missed, nobody waits, and every seal holds.

Writers commit out of the order of their ids, some late, some never, some by plain SQL. With
BURSAR_LONG=1 it goes on for a minute.
"""

import asyncio
import random
import threading
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from bursar.ops.audit import run_audit
from bursar.ops.audit.checkpoint import record_checkpoint
from bursar.ops.seal import verify_seals
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger
from tests.storms import LONG

pytestmark = pytest.mark.slow

SECONDS = 60.0 if LONG else 5.0
WRITERS = 6
# No statement of a writer's waits for a lock so long, but for another writer's of its own wallet.
LOCK_TIMEOUT = "3s"


def write(database: ScratchDatabase, number: int, over: threading.Event, waits: list[str]) -> None:
    """Grant and spend in transactions of several statements; give some up, linger in others."""
    random_ = random.Random(number)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        while not over.is_set():
            try:
                with connection.transaction(force_rollback=random_.random() < 0.15):
                    for _ in range(random_.randint(1, 3)):
                        verb = random_.choice(["grant", "grant", "spend"])
                        owner = f"writer {number}"
                        request = {"owner_id": owner, "asset": "coin", "amount": 1}
                        connection.execute(f"SELECT bursar.{verb}(%s)".encode(), [Jsonb([request])])
                        time.sleep(random_.choice([0, 0, 0.001, 0.05]))
                    if random_.random() < 0.2:
                        connection.execute(
                            "UPDATE bursar.wallet SET balance = balance + 1"
                            " WHERE asset = 'coin' AND owner_id = %s",
                            [f"writer {number}"],
                        )
            except psycopg.errors.LockNotAvailable as error:
                waits.append(str(error))


def test_seals_under_load_miss_nothing_and_hold_nobody_up(database: ScratchDatabase) -> None:
    ledger = Ledger(database)
    ledger.rows("SELECT bursar.register_asset('coin')")
    until, over = time.monotonic() + SECONDS, threading.Event()
    waits: list[str] = []
    writers = [
        threading.Thread(target=write, args=(database, number, over, waits))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    sealed, settings, waiting = 0, Settings(), 0
    sealing = database.connect("service_role")
    try:
        while time.monotonic() < until or sealed <= 3:
            [[answer]] = sealing.execute("SELECT bursar.seal_ledger('test', 50, 500)").fetchall()
            sealed += answer.get("number") is not None
            waiting += answer["status"] == "waiting"
            if sealed % 10 == 5:
                report = asyncio.run(run_audit(database.url, settings, incremental=True))
                assert report.clean, [v.told for v in report.verdicts if not v.holds]
                asyncio.run(record_checkpoint(database.url, settings, report, "test"))
                assert asyncio.run(verify_seals(database.url, settings)).told == []
    finally:
        over.set()
        for writer in writers:
            writer.join(timeout=60)
    assert not any(writer.is_alive() for writer in writers)
    while ledger.rows("SELECT bursar.seal_ledger('test', 50)")[0][0]["left"]:
        pass

    proved = asyncio.run(verify_seals(database.url, settings, limit=100))

    assert waits == []
    assert proved.told == []
    assert (proved.holds, proved.unsealed) == (True, 0)
    assert sealed > 3, (sealed, waiting)
    counted = ledger.rows("SELECT count(*) FROM bursar.entry")
    assert ledger.rows("SELECT sum(entries)::bigint FROM bursar.seal") == counted
    assert asyncio.run(run_audit(database.url, settings)).clean
