"""The worker seals when it is time, goes on while something is left, and else does nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.ledger.worker import Worker
from bursar.ops.seal import chores
from bursar.ops.seal.chores import Chores
from bursar.ops.seal.make import NotSettled, seal_ledger
from bursar.settings import Settings
from tests.atelier import Said
from tests.ledger_in_sql import Ledger


@dataclass
class Clock:
    """Time that only tests move on."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Answers:
    """A ledger that answers what it is told to, and counts how often it was asked."""

    answers: Iterator[dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    async def read(self, function: str, *arguments: Any) -> Any:
        self.asked.append(function)
        return next(self.answers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(chores, "time", made)
    return made


async def test_without_an_interval_nothing_is_sealed() -> None:
    assert Chores(Settings(), Said()).steps() == []


async def test_it_seals_once_in_an_interval(database: ScratchDatabase, clock: Clock) -> None:
    ledger, said = Ledger(database), Said()
    ledger.funded(5)
    worker = Worker(Settings(), Chores(Settings(seal_interval_seconds=60), said).steps(), said)
    engine = await Engine.open(database.service_url, Settings())
    try:
        numbers = []
        for seconds in (0, 59, 2, 30, 31):
            clock.now += seconds
            await worker.work(engine)
            numbers.append(ledger.rows("SELECT count(*) FROM bursar.seal")[0][0])
            ledger.funded(5)
    finally:
        await engine.close()

    assert numbers == [0, 0, 1, 1, 2]
    assert [line["number"] for line in said.of("sealed")] == [1, 2]
    assert ledger.rows("SELECT DISTINCT made_by FROM bursar.seal") == [("system",)]


@pytest.mark.parametrize(
    "first", [{"status": "waiting"}, {"status": "done", "number": None, "left": True}]
)
async def test_what_is_left_is_for_the_next_round(first: dict[str, Any], clock: Clock) -> None:
    done = {"status": "done", "number": None, "left": False}
    answers = Answers(iter([first, done]))
    [step] = Chores(Settings(seal_interval_seconds=60), Said()).steps()
    clock.now += 61

    for _ in range(4):
        await step.work(answers)  # type: ignore[arg-type]  # it needs to read only

    assert len(answers.asked) == 2


async def test_a_writer_that_stays_open_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.ops.seal.make.PAUSE_SECONDS", 0.001)
    answers = Answers(iter([{"status": "waiting"}] * 1000))

    with pytest.raises(NotSettled, match="still open"):
        await seal_ledger(answers, actor="test", wait_seconds=0.01)
