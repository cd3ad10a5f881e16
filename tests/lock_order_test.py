"""One lock order: nobody meets a deadlock; a wallet that is held delays its own requests only."""

import random
import time
import uuid
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.at_once import at_once
from tests.ledger_in_sql import Ledger, code, done
from tests.patience import PATIENCE_SECONDS
from tests.store import reward

SECONDS, THREADS = 4.0, 16
TRANSFER = "SELECT bursar.transfer(%s)"


def storm(owners: list[str]) -> Callable[[int, psycopg.Connection], int]:
    """Transfers between random owners in batches of random size, for some seconds each."""

    def work(number: int, connection: psycopg.Connection) -> int:
        chance, count = random.Random(number), 0
        connection.execute("SET ROLE service_role")
        stop = time.monotonic() + SECONDS
        while time.monotonic() < stop or count == 0:
            batch = []
            for _ in range(chance.randint(1, 12)):
                payer, payee = chance.sample(owners, 2)
                batch.append(
                    {
                        "owner_id": payer,
                        "to_owner_id": payee,
                        "asset": "credit",
                        "amount": chance.randint(1, 30),
                        "key": str(uuid.uuid4()),
                    }
                )
            row = connection.execute(TRANSFER, [Jsonb(batch)]).fetchone()
            assert row is not None
            for outcome in row[0]:
                assert outcome["status"] == "done" or outcome["code"] in (
                    "INSUFFICIENT_FUNDS",
                    "BUSY",
                ), outcome
                count += outcome["status"] == "done"
        return count

    return work


def deadlocks(ledger: Ledger) -> int:
    with psycopg.connect(ledger.database.url, autocommit=True) as fresh:
        row = fresh.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_transfers_in_all_directions_never_deadlock(ledger: Ledger) -> None:
    owners = [ledger.funded(1000) for _ in range(20)]

    counts = at_once(ledger.database, THREADS, storm(owners))

    assert all(count > 0 for count in counts)
    assert sum(ledger.wallet(owner)[0] for owner in owners) == 20 * 1000
    assert deadlocks(ledger) == 0
    ledger.keeps_its_promises()


@pytest.mark.slow
def test_raw_updates_of_many_rows_beside_transfers_cost_retries_and_no_errors(
    ledger: Ledger,
) -> None:
    owners = [ledger.funded(1000) for _ in range(10)]
    transfers = storm(owners)

    def work(number: int, connection: psycopg.Connection) -> int:
        if number > 1:
            return transfers(number, connection)
        added = 0
        connection.execute("SET ROLE bursar_operator")
        stop = time.monotonic() + SECONDS
        while time.monotonic() < stop:
            # In this order or that: whoever updates rows one by one knows no lock order.
            chosen = sorted(owners, reverse=number == 1)
            try:
                with connection.transaction():
                    for owner in chosen:
                        connection.execute(
                            "UPDATE public.user_credits SET balance = balance + 1"
                            " WHERE user_id = %s",
                            [owner],
                        )
                added += len(chosen)
            except psycopg.errors.DeadlockDetected:
                pass  # two operators may deadlock with each other; the verbs may not fail
        return added

    results = at_once(ledger.database, 10, work)

    total = sum(ledger.wallet(owner)[0] for owner in owners)
    assert total == 10 * 1000 + sum(results[:2])
    ledger.keeps_its_promises()


def impatient(ledger: Ledger) -> psycopg.Connection:
    """The service on a session whose lock timeout is shorter than what a batch may take."""
    caller = ledger.database.connect("service_role")
    caller.execute("SET lock_timeout = '1s'")
    return caller


def answers(
    ledger: Ledger, verb: str, requests: list[dict[str, object]], seconds: float
) -> list[str]:
    """The codes of a batch that must be answered in time; None stands for done."""
    caller = impatient(ledger)
    began = time.monotonic()
    outcomes = ledger.ask(verb, requests, caller)
    assert time.monotonic() - began < seconds
    return [outcome.get("code", "done") for outcome in outcomes]


def test_a_wallet_held_by_a_forgotten_session_delays_its_own_request_only(ledger: Ledger) -> None:
    owners = [ledger.funded(10) for _ in range(50)]
    spends: list[dict[str, object]] = [
        {"owner_id": o, "asset": "credit", "amount": 1, "key": "k"} for o in owners
    ]

    with ledger.held_by_somebody(
        "UPDATE public.user_credits SET balance = balance - 3 WHERE user_id = %s", owners[20]
    ):
        # Were each of those behind it to wait as well, it would be 29 seconds and more.
        found = answers(ledger, "spend", spends, 25)
    again = ledger.ask("spend", spends)

    assert found == ["done"] * 20 + ["BUSY"] + ["done"] * 29
    assert [o["replayed"] for o in again] == [True] * 20 + [False] + [True] * 29


@pytest.mark.parametrize("parent", ["hold", "transaction"])
def test_a_hold_or_charge_locked_by_a_forgotten_session_delays_nobody_else(
    ledger: Ledger, parent: str
) -> None:
    owners = [ledger.funded(10) for _ in range(10)]
    if parent == "hold":
        verb, undo, field = "hold", "release", "hold_id"
    else:
        verb, undo, field = "spend", "refund", "transaction_id"
    ids = [done(ledger.one(verb, owner_id=o, asset="credit", amount=5))[field] for o in owners]
    requests: list[dict[str, object]] = [{field: identity} for identity in ids]

    with psycopg.connect(ledger.database.url) as forgotten:
        forgotten.execute(f"SELECT bursar.{undo}(%s)".encode(), [Jsonb([requests[3]])])
        found = answers(ledger, undo, requests, 7.5)
        forgotten.rollback()

    assert found == ["done"] * 3 + ["BUSY"] + ["done"] * 6


def test_a_wallet_that_a_forgotten_session_is_opening_delays_its_own_grant_only(
    ledger: Ledger,
) -> None:
    owners = [str(uuid.uuid4()) for _ in range(20)]
    grants: list[dict[str, object]] = [
        {"owner_id": o, "asset": "credit", "amount": 1, "key": "k"} for o in owners
    ]

    with ledger.held_by_somebody("INSERT INTO public.user_credits VALUES (%s, 0)", owners[7]):
        found = answers(ledger, "grant", grants, 15)

    assert found == ["done"] * 7 + ["BUSY"] + ["done"] * 12
    assert done(ledger.one("grant", **grants[7]))["balance"] == 1


def test_a_wallet_that_is_missed_behind_a_cut_is_not_waited_for(ledger: Ledger) -> None:
    funded, missing = ledger.funded(10), str(uuid.uuid4())
    # The same key twice: what follows is carried out while the first wallet is locked, so whoever
    # is opening the missing one may be waiting for us.
    grants: list[dict[str, object]] = [
        {"owner_id": owner, "asset": "credit", "amount": 1, "key": "k"}
        for owner in (funded, funded, missing)
    ]
    caller = ledger.database.connect("service_role")
    caller.execute("SET lock_timeout = '10min'")
    caller.execute(f"SET statement_timeout = '{PATIENCE_SECONDS:.0f}s'")

    with ledger.held_by_somebody("INSERT INTO public.user_credits VALUES (%s, 0)", missing):
        outcomes = ledger.ask("grant", grants, caller)

    assert [outcome.get("code", "done") for outcome in outcomes] == ["done", "done", "BUSY"]
    assert [outcome["replayed"] for outcome in outcomes] == [False, True, False]
    assert caller.execute("SHOW lock_timeout").fetchone() == ("10min",)
    again = ledger.ask("grant", grants, caller)
    assert [outcome["replayed"] for outcome in again] == [True, True, False]
    assert again[2]["balance"] == 1


def test_a_gate_that_is_being_closed_makes_writers_wait_for_a_bounded_time(
    ledger: Ledger,
) -> None:
    owner = ledger.funded(5)

    with ledger.held_by_somebody("LOCK TABLE bursar.gate IN SHARE MODE"):
        outcome = ledger.one(
            "spend", impatient(ledger), owner_id=owner, asset="credit", amount=1, key="k"
        )

    assert code(outcome) == "BUSY"
    assert not done(ledger.one("spend", owner_id=owner, asset="credit", amount=1, key="k"))[
        "replayed"
    ]


def test_the_lock_timeout_is_bounded_where_the_session_sets_none(ledger: Ledger) -> None:
    owner = ledger.funded(5)

    with ledger.held_by_somebody(
        "UPDATE public.user_credits SET balance = balance + 1 WHERE user_id = %s", owner
    ):
        began = time.monotonic()
        outcome = ledger.one("spend", owner_id=owner, asset="credit", amount=1)

    assert code(outcome) == "BUSY"
    assert 0.5 < time.monotonic() - began < PATIENCE_SECONDS
    assert ledger.caller.execute("SHOW lock_timeout").fetchone() == ("0",)


@pytest.mark.parametrize("busy", [False, True])
def test_what_follows_a_verb_in_its_transaction_waits_as_before(ledger: Ledger, busy: bool) -> None:
    owner, seller = ledger.funded(5), ledger.funded(1)
    spend = {"owner_id": owner, "asset": "credit", "amount": 1}
    bought = {"reward_id": reward(ledger.admin, 1, creator_id=seller), "collector_id": owner}
    held: LiteralString = "SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE"

    with (
        ledger.held_by_somebody(held, owner if busy else str(uuid.uuid4())),
        ledger.caller.transaction(),
    ):
        for verb, requests in (
            ("spend", [spend, spend]),
            ("purchase_reward", [bought | {"key": "k", "caller": {"role": "service_role"}}]),
        ):
            outcomes = ledger.ask(verb, requests)
            assert [outcome.get("code") == "BUSY" for outcome in outcomes] == [busy] * len(requests)
            assert ledger.caller.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_external_ids_claimed_in_opposite_orders_cost_nobody_an_error(ledger: Ledger) -> None:
    def work(number: int, connection: psycopg.Connection) -> None:
        for round_ in range(3):
            events = [
                {
                    "owner_id": str(uuid.uuid4()),
                    "asset": "credit",
                    "amount": 1,
                    "external": {
                        "provider": "p",
                        "account": "a",
                        "mode": "live",
                        "id": f"{round_}-{n}",
                    },
                }
                for n in range(8)
            ]
            row = connection.execute(
                'SELECT bursar."grant"(%s)', [Jsonb(events[:: 1 if number % 2 else -1])]
            ).fetchone()
            assert row is not None
            assert {o.get("code") for o in row[0]} <= {None, "EXTERNAL_ID_TAKEN", "BUSY"}

    # Slow enough that every two batches meet.
    ledger.admin.execute(
        "CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'"
    )
    ledger.admin.execute(
        "CREATE TRIGGER dawdle BEFORE INSERT ON bursar.external_reference"
        " FOR EACH ROW EXECUTE FUNCTION public.dawdle()"
    )
    before = deadlocks(ledger)
    at_once(ledger.database, 4, work)

    assert ledger.value("SELECT count(*) FROM bursar.external_reference WHERE provider = 'p'") == 24
    assert deadlocks(ledger) == before
    ledger.keeps_its_promises()
