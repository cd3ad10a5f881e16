"""What the tests of workers share: a database of each test's own, and workers that end with it."""

from collections.abc import AsyncIterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.settings import Settings
from tests.atelier import Said, Studio
from tests.ledger_in_sql import Ledger


@pytest.fixture
def own_ledger(database: ScratchDatabase) -> Ledger:
    return Ledger(database)


@pytest.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[Engine]:
    async with await Engine.open(database.service_url, Settings(busy_timeout_ms=500)) as opened:
        yield opened


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def studio(engine: Engine, own_ledger: Ledger, said: Said) -> AsyncIterator[Studio]:
    made = Studio(engine, own_ledger, said)
    yield made
    for worker in made.workers:
        await worker.stop(0)
