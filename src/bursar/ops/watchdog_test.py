"""The watchdog pauses changes by itself, and takes back only what it did itself."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.ledger.pause import Pause
from bursar.ops.degraded import switch
from bursar.ops.watchdog import ACTOR, READ_ONLY, Watchdog
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger

EVERYTHING = 1 << 60


class Said:
    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **values: Any) -> None:
        self.events.append(event)

    warning = info


@pytest.fixture
async def engine(ledger: Ledger) -> AsyncIterator[Engine]:
    engine = await Engine.open(ledger.database.service_url)
    yield engine
    await switch(engine, on=False, reason="the test is over", actor="test")
    await engine.close()


def watching(directory: Path, free_bytes_min: int) -> tuple[Watchdog, Said]:
    settings = replace(
        Settings(), watch_directory=str(directory), watch_free_bytes_min=free_bytes_min
    )
    said = Said()
    return Watchdog(settings, Pause(by_environment=False), said), said


async def gate(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = await engine.read("read_gate")
    return found


async def test_changes_pause_before_the_disk_is_full_and_go_on_with_room(
    engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    owner = ledger.funded(5)
    spend = {"owner_id": owner, "asset": "credit", "amount": 1}
    full, told = watching(tmp_path, EVERYTHING)

    await full.watch(engine)
    await full.watch(engine)

    paused = await gate(engine)
    assert (paused["degraded"], paused["changed_by"]) == (True, ACTOR)
    assert "MiB left, below its limit of" in paused["reason"]
    assert told.events == ["changes_paused"]
    assert (await engine.call("spend", spend))["code"] == "DEGRADED"

    free = shutil.disk_usage(tmp_path).free
    tight, told = watching(tmp_path, int(free / 1.1))
    await tight.watch(engine)
    assert (await gate(engine))["degraded"], "there is more than the limit, but not enough"
    assert told.events == []

    roomy, told = watching(tmp_path, free // 4)
    await roomy.watch(engine)
    assert not (await gate(engine))["degraded"]
    assert told.events == ["changes_go_on"]
    assert (await engine.call("spend", spend))["status"] == "done"


async def test_what_an_operator_paused_stays_paused(engine: Engine, tmp_path: Path) -> None:
    await switch(engine, on=True, reason="a migration", actor="operator:kim")
    for free_bytes_min in (1, EVERYTHING):
        watchdog, told = watching(tmp_path, free_bytes_min)
        await watchdog.watch(engine)
        standing = await gate(engine)
        assert (standing["degraded"], standing["changed_by"]) == (True, "operator:kim")
        assert told.events == []


@pytest.mark.parametrize(("directory", "limit"), [("", EVERYTHING), ("/", 0)])
async def test_what_is_not_to_be_watched_is_not(engine: Engine, directory: str, limit: int) -> None:
    settings = replace(Settings(), watch_directory=directory, watch_free_bytes_min=limit)
    await Watchdog(settings, Pause(by_environment=False), Said()).watch(engine)
    assert not (await gate(engine))["degraded"]


async def test_a_database_that_takes_no_writes_pauses_the_doors(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    said, pause = Said(), Pause(by_environment=False)
    watchdog = Watchdog(Settings(watch_directory=str(tmp_path)), pause, said)
    owner = database.connect()

    async def seen() -> str:
        engine = await Engine.open(database.service_url)
        await watchdog.watch(engine)
        await engine.close()
        return pause.reason

    assert (await seen(), bool(pause)) == ("", False)
    set_to = f"ALTER DATABASE {database.name} SET default_transaction_read_only = "
    owner.execute(f"{set_to} on".encode())
    assert (await seen(), bool(pause)) == (READ_ONLY, True)
    owner.execute(f"{set_to} off".encode())
    assert (await seen(), bool(pause)) == ("", False)
    assert said.events == ["changes_paused", "changes_go_on"]
