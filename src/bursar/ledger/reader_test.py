"""Functions beside the verbs: what writes is known, and what is told when its answer was lost."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import bursar
from bursar.db.scratch import ScratchDatabase
from bursar.errors import BursarError, OutcomeUnknown, Refused
from bursar.ledger.reader import AGAIN, ONCE, TRIES, Reader
from bursar.settings import Settings

# Volatile for what they look at, or for what they call; they change nothing.
ONLY_READ = {"look_around", "read_minutes", "read_observation"}
ASKS = ("read", "_asked")


def asked() -> Iterator[str]:
    """Yield the functions of schema `bursar` that the code asks by name."""
    for path in sorted(Path(bursar.__file__).parent.rglob("*.py")):
        if path.name.endswith("_test.py"):
            continue
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            how = getattr(call.func, "attr", getattr(call.func, "id", ""))
            words = [word.value for word in call.args if isinstance(word, ast.Constant)]
            yield from (word for word in words if how in ASKS and isinstance(word, str))


def test_of_everything_that_writes_it_is_decided_whether_it_may_be_asked_twice(
    database: ScratchDatabase,
) -> None:
    volatile = database.connect().execute(
        "SELECT proname FROM pg_proc WHERE provolatile = 'v'"
        " AND pronamespace = 'bursar'::regnamespace"
    )
    writes = {row[0] for row in volatile}
    assert {name for name in asked() if name in writes} - ONCE - AGAIN - ONLY_READ == set()
    assert writes >= ONCE | AGAIN
    assert not ONCE & AGAIN


class Wire:
    """What comes of each try; the last of them for ever."""

    def __init__(self, reader: Reader, *tries: Any) -> None:
        self.tries, self.asked = list(tries), 0
        reader._once = self.once  # type: ignore[method-assign] # it stands for the database

    async def once(self, query: Any, arguments: Any) -> Any:
        self.asked += 1
        said = self.tries.pop(0) if len(self.tries) > 1 else self.tries[0]
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def reader() -> Reader:
    return Reader("postgresql://127.0.0.1:1/none", Settings(retry_backoff_ms=1))


DEADLOCK = psycopg.errors.DeadlockDetected("deadlock detected")
LOST = OutcomeUnknown(None)


@pytest.mark.parametrize("function", ["delete_post", "keep_event"])
async def test_what_was_undone_is_tried_again(reader: Reader, function: str) -> None:
    wire = Wire(reader, DEADLOCK, "done")
    assert await reader.read(function, ["{}"]) == "done"
    assert wire.asked == 2
    Wire(reader, psycopg.errors.LockNotAvailable("no lock"))
    with pytest.raises(Refused) as caught:
        await reader.read(function, ["{}"])
    assert caught.value.code == "BUSY"


async def test_what_was_lost_is_tried_again_only_where_that_is_harmless(reader: Reader) -> None:
    wire = Wire(reader, LOST, "done")
    with pytest.raises(OutcomeUnknown):
        await reader.read("delete_post", ["{}"])
    assert wire.asked == 1
    wire = Wire(reader, LOST, "done")
    assert await reader.read("keep_event", ["{}"]) == "done"
    assert wire.asked == 2


@pytest.mark.parametrize(
    "later",
    [LOST, psycopg.errors.LockNotAvailable("no lock"), psycopg.errors.InternalError("broken")],
    ids=["lost too", "busy", "fault"],
)
async def test_what_a_lost_try_leaves_open_stays_open(reader: Reader, later: BursarError) -> None:
    wire = Wire(reader, LOST, later)
    with pytest.raises(OutcomeUnknown):
        await reader.read("keep_event", ["{}"])
    assert 1 < wire.asked <= 1 + TRIES
