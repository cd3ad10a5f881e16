"""The sweepers as a worker's steps: what nobody ends any more is given back, however much it is."""

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.generation import chores
from bursar.generation.chores import Chores
from bursar.ledger.engine import Engine
from bursar.ledger.worker import Worker
from bursar.settings import Settings
from tests.atelier import Said
from tests.ledger_in_sql import Ledger, done
from tests.studio import credits_of, deduct, job, new_artist, new_product, submitted


@pytest.fixture
def ledger(database: ScratchDatabase) -> Ledger:
    made = Ledger(database)
    made.stop_clock()
    return made


async def sweep(engine: Engine, said: Said) -> None:
    await Worker(Settings(), Chores(said).steps(), said).work(engine)


async def test_what_is_over_is_given_back_and_counted(
    ledger: Ledger, engine: Engine, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "LIMIT", 2)
    users = [new_artist(ledger) for _ in range(5)]
    product = new_product(ledger, hold_seconds=60)
    jobs = [submitted(ledger, user, product=product) for user in users]
    older = new_artist(ledger)
    done(deduct(ledger, older, product=new_product(ledger, deduction_seconds=60)))
    done(
        ledger.one(
            "hold",
            owner_id=new_artist(ledger),
            asset="generation_credit",
            amount=1,
            expires_in_seconds=60,
        )
    )
    await sweep(engine, said)
    assert said.lines == []

    ledger.advance(61)
    await sweep(engine, said)

    assert said.lines == [
        ("generation_jobs_given_up", {"count": 5}),
        ("deductions_given_back", {"count": 1}),
        ("holds_lapsed", {"count": 1}),
    ]
    assert {job(ledger, one)["status"] for one in jobs} == {"refunded"}
    assert {credits_of(ledger, user) for user in [*users, older]} == {(1, 0, 0)}
    await sweep(engine, said)
    assert len(said.lines) == 3
