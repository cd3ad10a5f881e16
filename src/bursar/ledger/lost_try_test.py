"""What is told of a request one of whose tries was lost on the wire: it may have been committed."""

import asyncio
import uuid
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import OutcomeUnknown
from bursar.ledger.answer import app_down, busy, refusal
from bursar.ledger.conftest import OpenEngine
from bursar.ledger.engine import Engine
from bursar.ledger.engine_test import PATIENT, effects, on_its_way, purchase
from bursar.ledger.lane import Lane
from bursar.ledger.parcel import Answer, Body, Parcel
from bursar.ledger.statistics import Statistics
from bursar.ledger.wire import Lost, Moved, Rejected, TimedOut, Undone
from bursar.settings import Settings
from tests.patience import until
from tests.relay import Relay, relay_before


class Told:
    """A wire that says what it is told to, one thing at each try; the last of them for ever."""

    def __init__(self, *tries: dict[str, Any] | Exception) -> None:
        self.tries = list(tries)
        self.round_trips = 0
        self.may_say = asyncio.Event()
        self.may_say.set()

    async def open(self) -> None:
        pass

    async def carry(self, verb: str, body: bytes) -> list[dict[str, Any]]:
        self.round_trips += 1
        await self.may_say.wait()
        said = self.tries.pop(0) if len(self.tries) > 1 else self.tries[0]
        if isinstance(said, Exception):
            raise said
        return [said]

    async def close(self) -> None:
        pass


async def answers_of(
    wire: Told, bodies: list[Body], statistics: Statistics | None = None
) -> list[Answer]:
    """Return what the callers of these requests are told, when each is tried twice at most."""
    lane = Lane(
        wire,
        Settings(retry_attempts=2, retry_backoff_ms=1),
        statistics or Statistics(),
        on_busy=lambda parcel: lane.settle(parcel, busy(parcel.verb)),
    )
    answer: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
    lane.submit(Parcel("spend", bodies, answer, 0.0))
    told = await answer
    await lane.close()
    return told


async def answer_after(
    *tries: dict[str, Any] | Exception, statistics: Statistics | None = None
) -> Answer:
    """Return what the caller of one request, under the key "k1", is told after these tries."""
    return (await answers_of(Told(*tries), [Body(b"{}", "k1", "ada")], statistics))[0]


PROVE_NOTHING = (
    busy("spend"),
    refusal("spend", "DEGRADED"),
    app_down("spend"),
    Moved("42883", "There is no such verb."),
    Rejected("XX000", "failed"),
    TimedOut("57014"),
    Undone("40001"),
    Lost(sent=False),
)


@pytest.mark.parametrize("later", PROVE_NOTHING, ids=repr)
async def test_what_proves_nothing_about_a_lost_try_leaves_its_outcome_unknown(
    later: dict[str, Any] | Exception,
) -> None:
    statistics = Statistics()
    told = await answer_after(Lost(sent=True), later, statistics=statistics)
    assert isinstance(told, OutcomeUnknown)
    assert told.key == "k1"
    assert (statistics.unknown, statistics.busy_answered, statistics.faults) == (1, 0, 0)


@pytest.mark.parametrize("later", PROVE_NOTHING, ids=repr)
async def test_where_no_try_was_lost_everybody_is_told_what_was_found(
    later: dict[str, Any] | Exception,
) -> None:
    statistics = Statistics()
    told = await answer_after(Lost(sent=False), later, statistics=statistics)
    assert not isinstance(told, OutcomeUnknown)
    assert statistics.unknown == 0


@pytest.mark.parametrize(
    "later",
    [
        {"status": "done", "verb": "spend", "replayed": True},
        *(refusal("spend", code) for code in ("INSUFFICIENT_FUNDS", "RATE_LIMITED", "MALFORMED")),
    ],
    ids=repr,
)
async def test_what_is_said_after_the_key_was_looked_up_is_the_answer_of_a_lost_try(
    later: dict[str, Any],
) -> None:
    assert await answer_after(Lost(sent=True), later) == later


async def test_of_a_lost_batch_that_is_then_rejected_the_good_are_told_the_others_unknown() -> None:
    bodies = [Body(b"{}", key, "ada") for key in ("k1", "k2", "k3")]
    done = {"status": "done", "replayed": True}
    rejected = Rejected("XX000", "failed")
    wire = Told(Lost(sent=True), rejected, done, rejected, Lost(sent=False))
    told = await answers_of(wire, bodies)
    assert told[0] == done
    assert [isinstance(one, OutcomeUnknown) and one.key for one in told[1:]] == ["k2", "k3"]


async def test_a_try_that_was_lost_and_holds_its_wallet_is_unknown_and_its_key_tells(
    open_engine: OpenEngine, relay: Relay, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    stand_in.sql("INSERT INTO bursar.purse VALUES ('ada')")
    engine = await open_engine(relay.url, lanes=1, busy_timeout_ms=200, **PATIENT)
    sent = asyncio.create_task(engine.call("spend", purchase(key="k1")))
    await lose(engine, relay, stand_in)
    with pytest.raises(OutcomeUnknown) as caught:
        await sent
    assert caught.value.key == "k1"
    assert engine.statistics.busy_answered == 0
    assert effects(stand_in) == 0
    holder.rollback()  # The lost try commits.
    assert await key_tells(engine) is True
    assert effects(stand_in) == 1


async def test_a_try_that_was_lost_is_told_when_its_wallet_is_let_go_in_time(
    open_engine: OpenEngine, relay: Relay, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    stand_in.sql("INSERT INTO bursar.purse VALUES ('ada')")
    engine = await open_engine(relay.url, lanes=1, busy_timeout_ms=600_000, **PATIENT)
    sent = asyncio.create_task(engine.call("spend", purchase(key="k1")))
    await lose(engine, relay, stand_in)
    await until(lambda: engine.statistics.busy_seen > 0)
    holder.rollback()
    assert (await sent)["replayed"] is True
    assert effects(stand_in) == 1
    assert engine.statistics.unknown == 0


async def test_a_try_that_was_lost_is_unknown_too_when_the_engine_closes(
    open_engine: OpenEngine, relay: Relay, stand_in: ScratchDatabase, holder: psycopg.Connection
) -> None:
    stand_in.sql("INSERT INTO bursar.purse VALUES ('ada')")
    engine = await open_engine(relay.url, lanes=1, busy_timeout_ms=600_000, **PATIENT)
    sent = asyncio.create_task(engine.call_batch("spend", [purchase(key="k1")]))
    await lose(engine, relay, stand_in)
    await until(lambda: engine.statistics.busy_seen > 0)
    await engine.close()
    assert [(told["status"], told["key"]) for told in await sent] == [("unknown", "k1")]


async def lose(engine: Engine, relay: Relay, database: ScratchDatabase) -> None:
    """Cut the wire once the batch on its way waits for the holder."""
    await on_its_way(engine)
    await until(lambda: waits(database))
    relay.cut()


def waits(database: ScratchDatabase) -> bool:
    """Whether a batch waits for the holder, and has its wallet."""
    return bool(
        database.sql(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'bursar.effect'::regclass"
        )
    )


async def key_tells(engine: Engine) -> bool:
    """Whether the key's request turns out to have been carried out before, once nobody is busy."""
    while (told := await engine.call("spend", purchase(key="k1"))).get("code") == "BUSY":
        pass
    replayed: bool = told["replayed"]
    return replayed


async def test_a_gate_closed_behind_a_lost_try_does_not_say_that_nothing_was_done(
    database: ScratchDatabase,
) -> None:
    ada, admin = str(uuid.uuid4()), database.connect()
    spend = {"owner_id": ada, "asset": "credit", "amount": 1, "key": "k1"}
    settings = Settings(
        lanes=1,
        retry_attempts=1000,
        retry_backoff_ms=1,
        lock_timeout_ms=PATIENT["lock_timeout_ms"],
        statement_timeout_ms=PATIENT["statement_timeout_ms"],
    )
    async with (
        relay_before(database, database.service_url) as relay,
        await Engine.open(relay.url, settings) as engine,
    ):
        await engine.call("grant", {"owner_id": ada, "asset": "credit", "amount": 5})
        holder = database.connect(autocommit=False)
        holder.execute("SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE", [ada])
        lane = engine._lanes[0]
        before = lane.wire.round_trips
        sent = asyncio.create_task(engine.call("spend", spend))
        await until(lambda: lane.wire.round_trips > before)
        await until(
            lambda: bool(admin.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall())
        )
        relay.hang()
        relay.cut()
        holder.rollback()
        balance = "SELECT balance FROM public.user_credits WHERE user_id = %s"
        await until(lambda: admin.execute(balance, [ada]).fetchone() == (4,))
        admin.execute("UPDATE bursar.gate SET degraded = true")
        relay.pass_on()
        with pytest.raises(OutcomeUnknown) as caught:
            await sent
        assert caught.value.key == "k1"
        assert (await engine.call("spend", spend))["code"] == "DEGRADED"
        admin.execute("UPDATE bursar.gate SET degraded = false")
        assert (await engine.call("spend", spend))["replayed"] is True
        assert admin.execute(balance, [ada]).fetchone() == (4,)
