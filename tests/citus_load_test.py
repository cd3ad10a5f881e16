"""The ledger on Citus keeps its promises under load, and when a worker dies between two phases."""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import SERVICE_ROLE
from tests.citus_calls import (
    Outcome,
    assert_sound,
    balances,
    call,
    carry,
    grant,
    owner,
    pair_apart,
    purchase,
    reward,
    transfer,
)
from tests.citus_nodes import CitusNodes

CALLERS = 8
KILLS_MAX = 12


def each(work: Callable[[int], None]) -> None:
    """Run `work` for as many callers at once, and raise what one of them raised."""
    with ThreadPoolExecutor(CALLERS) as pool:
        for result in [pool.submit(work, number) for number in range(CALLERS)]:
            result.result(timeout=120)


def test_two_purchases_at_once_of_which_one_can_be_paid(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    for _ in range(5):
        collector, creator = random.sample(pair_apart(nodes), 2)
        carry(service, collector, grant(100))
        wanted = [reward(nodes, creator, 60) for _ in range(2)]

        def buy(reward_id: str, collector: str = collector) -> Outcome:
            with nodes.connect(role=SERVICE_ROLE) as connection:
                outcome: Outcome = call(
                    connection, "purchase_reward", purchase(reward_id, collector)
                )
            return outcome

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(buy, wanted))

        assert sorted(o.get("code", "done") for o in outcomes) == ["INSUFFICIENT_FUNDS", "done"]
        assert balances(nodes, collector, creator) == [40, 60]
    assert_sound(nodes)


def test_under_load_from_every_side_nothing_is_lost_or_doubled(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    homes = [owner() for _ in range(12)]
    assert {nodes.node_of(home) for home in homes} == {1, 2}
    for home in homes:
        carry(service, home, grant(1000))
    moved = [0] * CALLERS
    told: dict[str, list[Outcome]] = {}
    guard = threading.Lock()

    def note(key: str, outcome: Outcome) -> None:
        with guard:
            told.setdefault(key, []).append(outcome)

    def work(number: int) -> None:
        chance = random.Random(number)
        with nodes.connect(number % 3, SERVICE_ROLE) as connection:
            for turn in range(40):
                # Every second key is shared with the callers beside this one.
                whose = number // 2 if turn % 2 else f"own {number}"
                key = f"{homes[0]} {whose} {turn}"
                fixed = random.Random(key)
                first, second = fixed.sample(homes, 2)
                amount = fixed.randint(1, 400)
                kind = fixed.choice(("spend", "grant", "transfer", "transfer"))
                if kind == "transfer":
                    note(key, call(connection, "transfer", transfer(first, second, amount, key)))
                else:
                    request = {"verb": kind, "amount": amount, "key": key}
                    note(key, carry(connection, first, request)[0])
                if chance.random() < 0.1:
                    unkeyed = {"owner_id": first, "asset": "credit", **grant(1)}
                    other = {**unkeyed, "owner_id": second}
                    done = call(connection, "batch", [other, unkeyed])
                    moved[number] += sum(o["status"] == "done" for o in done)

    each(work)

    assert_sound(nodes)
    expected = 12_000 + sum(moved)
    for outcomes in told.values():
        plain = [{k: v for k, v in o.items() if k != "replayed"} for o in outcomes]
        assert all(outcome == plain[0] for outcome in plain)
        assert sum(not outcome["replayed"] for outcome in outcomes) == 1
        if plain[0]["status"] == "done":
            sign = {"grant": 1, "spend": -1, "transfer": 0}[plain[0]["verb"]]
            expected += sign * plain[0]["amount"]
    assert sum(balances(nodes, *homes)) == expected
    assert any(len(outcomes) > 1 for outcomes in told.values())


def test_payments_back_and_forth_between_two_nodes_do_not_deadlock(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    first, second = pair_apart(nodes)
    for home in (first, second):
        carry(service, home, grant(500))

    def work(number: int) -> None:
        payer, payee = (first, second) if number % 2 else (second, first)
        with nodes.connect(role=SERVICE_ROLE) as connection:
            for _ in range(15):
                assert call(connection, "transfer", transfer(payer, payee, 1))["status"] == "done"

    started = time.monotonic()
    each(work)

    assert time.monotonic() - started < 60
    assert balances(nodes, first, second) == [500, 500]
    assert_sound(nodes)


@pytest.mark.slow
def test_a_worker_that_dies_between_the_two_phases_leaves_no_half_payment(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    first, second = pair_apart(nodes)
    for home in (first, second):
        carry(service, home, grant(5000))
    numbers, told = itertools.count(), dict[str, Outcome]()
    sent: list[tuple[str, str, str]] = []
    end = threading.Event()

    def work(number: int) -> None:
        connection = None
        while not end.is_set():
            payer, payee = random.sample((first, second), 2)
            key = f"{first} {next(numbers)}"
            sent.append((payer, payee, key))
            try:
                connection = connection or nodes.connect(role=SERVICE_ROLE)
                told[key] = call(connection, "transfer", transfer(payer, payee, 1, key))
            except psycopg.Error:
                time.sleep(0.05)
        if connection is not None:
            connection.close()

    caught = []

    def kill() -> None:
        """Kill workers by turns until one of them had promised a commit and not made it yet."""
        for turn in range(KILLS_MAX):
            time.sleep(0.7)
            node = nodes.nodes[1 + turn % 2]
            pid = node.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            node.start()
            with nodes.connect(1 + turn % 2) as connection:
                caught.append(connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall())
            if turn and any(caught):
                break
        time.sleep(0.5)
        end.set()

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(work, number) for number in range(4)]
        try:
            pool.submit(kill).result(timeout=90)
        finally:
            end.set()
        for one in running:
            one.result(timeout=60)

    wait_for_two_phase_commits(nodes)
    assert any(caught), "no worker died between the two phases"
    assert len(told) > 20
    assert len(sent) > len(told), "nobody noticed that a worker was gone"
    with nodes.connect(role=SERVICE_ROLE) as connection:
        for payer, payee, key in sent:
            again = call(connection, "transfer", transfer(payer, payee, 1, key))
            assert again["status"] == "done"
            assert key not in told or again["replayed"], "what was acknowledged was lost"
    assert sum(balances(nodes, first, second)) == 10_000
    paid = sum(1 if payer == first else -1 for payer, _, _ in sent)
    assert balances(nodes, first, second) == [5000 - paid, 5000 + paid]
    assert_sound(nodes)


def wait_for_two_phase_commits(nodes: CitusNodes) -> None:
    """Return when no transaction is left that was prepared and neither committed nor undone."""
    deadline = time.monotonic() + 60
    query = "SELECT count(*) FROM pg_prepared_xacts"
    while True:
        with nodes.connect() as connection:
            connection.execute("SELECT recover_prepared_transactions()")
        counts = []
        for number in range(3):
            with nodes.connect(number) as connection:
                counts.append(connection.execute(query).fetchone())
        if counts == [(0,)] * 3:
            return
        assert time.monotonic() < deadline, counts
        time.sleep(0.2)
