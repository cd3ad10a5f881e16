"""A closed gate stops every writer, and closing it waits for those who are inside."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.patience import PATIENCE_SECONDS
from tests.store import digest, reward

pytestmark = pytest.mark.postgres_versions("15", "18")


@contextmanager
def closed(ledger: Ledger) -> Iterator[None]:
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        yield
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")


def test_every_verb_is_refused_while_the_gate_is_closed_and_nothing_changes(
    ledger: Ledger,
) -> None:
    owner = ledger.funded(10)
    hold_id = done(ledger.one("hold", owner_id=owner, asset="credit", amount=3))["hold_id"]
    wallet = {"owner_id": owner, "asset": "credit"}
    requests = {
        "grant": wallet | {"amount": 1},
        "spend": wallet | {"amount": 1},
        "transfer": wallet | {"amount": 1, "to_owner_id": str(uuid.uuid4())},
        "hold": wallet | {"amount": 1},
        "capture": {"hold_id": hold_id},
        "release": {"hold_id": hold_id},
        "refund": {"transaction_id": 1},
        "adjust": wallet | {"amount": 1},
        "freeze": wallet | {"wallet_status": "frozen"},
        "batch": wallet | {"verb": "grant", "amount": 1},
        "purchase_reward": {
            "reward_id": reward(ledger.admin, 1),
            "collector_id": owner,
            "caller": {"role": "service_role"},
        },
    }

    with closed(ledger):
        before = digest(ledger.admin)
        for verb, request in requests.items():
            outcomes = ledger.ask(verb, [request, request])
            assert [code(outcome) for outcome in outcomes] == ["DEGRADED"] * 2
            named = "grant" if verb == "batch" else verb
            assert [outcome["verb"] for outcome in outcomes] == [named] * 2
        assert ledger.value("SELECT bursar.expire_holds()") == 0
        assert digest(ledger.admin) == before

    assert done(ledger.one("capture", hold_id=hold_id))["balance"] == 7


def test_plain_sql_of_apps_is_refused_too_and_operators_go_on(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    update = "UPDATE public.user_credits SET balance = balance - 1 WHERE user_id = %s"

    with closed(ledger):
        for statement, arguments in (
            (update, [owner]),
            ("DELETE FROM public.user_credits WHERE user_id = %s", [owner]),
            ("INSERT INTO public.user_credits VALUES (%s, 5)", [str(uuid.uuid4())]),
            ("INSERT INTO public.rewards (creator_id, name, cost) VALUES (%s, 'x', 1)", [owner]),
        ):
            with pytest.raises(psycopg.DatabaseError, match=r"^DEGRADED: ") as refused:
                ledger.caller.execute(statement.encode(), arguments)
            assert refused.value.sqlstate == "UB003"
        ledger.database.connect("bursar_operator").execute(update, [owner])

    assert ledger.wallet(owner) == (9, 0, 0)


def test_who_closes_the_gate_waits_for_the_writers_inside(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    spend = Jsonb([{"owner_id": owner, "asset": "credit", "amount": 1}])
    shut = threading.Event()

    def close() -> None:
        with psycopg.connect(ledger.database.url) as switch:
            switch.execute("LOCK TABLE bursar.gate IN SHARE MODE")
            switch.execute("UPDATE bursar.gate SET degraded = true")
        shut.set()

    try:
        with psycopg.connect(ledger.database.url) as writer:
            writer.execute("SELECT bursar.spend(%s)", [spend])
            thread = threading.Thread(target=close)
            thread.start()
            assert not shut.wait(0.4)
            writer.commit()
            assert shut.wait(PATIENCE_SECONDS)
            thread.join()
        assert code(ledger.one("spend", owner_id=owner, asset="credit", amount=1)) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert ledger.wallet(owner) == (9, 0, 0)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT bursar.spend('[{}]')",
        "SELECT bursar.batch('[{}]')",
        "SELECT bursar.purchase_reward('[{}]')",
        "SELECT public.purchase_reward(gen_random_uuid(), gen_random_uuid())",
        "SELECT public.purchase_bounty(gen_random_uuid(), gen_random_uuid())",
        "SELECT public.create_reward('x', '', 1, gen_random_uuid())",
        "INSERT INTO public.user_credits VALUES (gen_random_uuid(), 5)",
    ],
)
def test_other_isolation_levels_are_refused(ledger: Ledger, level: str, statement: str) -> None:
    with psycopg.connect(ledger.database.url) as connection:
        connection.execute("SET SESSION ROLE service_role")
        connection.commit()
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())

        with pytest.raises(psycopg.errors.FeatureNotSupported, match="READ COMMITTED"):
            connection.execute(statement.encode())


def test_reading_goes_on(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    with closed(ledger):
        for read in ("read_wallet", "read_statement", "explain"):
            assert (
                ledger.caller.execute(
                    f"SELECT bursar.{read}(%s, 'credit')".encode(), [owner]
                ).fetchone()
                is not None
            )
    assert ledger.wallet(owner) == (10, 0, 0)
