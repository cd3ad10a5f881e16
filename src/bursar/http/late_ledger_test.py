"""A ledger that is opened when somebody asks for it, and stays closed once it was closed."""

import asyncio
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.late_ledger import LateLedger
from bursar.http.problem import ProblemError
from bursar.ledger.engine import Engine
from bursar.settings import Settings


async def test_whoever_asks_after_the_close_does_not_open_another(
    database: ScratchDatabase,
) -> None:
    late = LateLedger(None, Settings(), database.service_url)
    await late.open()
    assert await late.read("read_safety")
    await late.close()

    with pytest.raises(ProblemError) as answer:
        await late.read("read_safety")

    assert answer.value.status == 503
    await late.open()
    assert await late.read("read_safety")
    await late.close()


async def test_one_that_is_being_opened_is_closed_too(
    database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    opened: list[Engine] = []
    open_engine = Engine.open

    async def open_slowly(*arguments: Any) -> Engine:
        begun.set()
        await go_on.wait()
        opened.append(await open_engine(*arguments))
        return opened[0]

    monkeypatch.setattr(Engine, "open", open_slowly)
    late = LateLedger(None, Settings(), database.service_url)
    opening = asyncio.create_task(late.open())
    await begun.wait()
    closing = asyncio.create_task(late.close())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(opening, closing)

    assert opened[0]._closing
