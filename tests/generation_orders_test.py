"""Every order in which an older app's calls and its worker's answer may come costs the same.

A finished job costs its price, one that failed costs nothing, and a deduction that no job took over
goes back: whatever came first, and however much of it came at once.
"""

import itertools
import random
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, Outcome
from tests.storms import VERSIONS
from tests.studio import ASSET, SERVICE, new_artist, new_product

pytestmark = pytest.mark.postgres_versions(*VERSIONS)

PART = 400
CALLS = ("deduct", "submit", "refund", "work")
VERBS = {"deduct": "deduct_credit", "submit": "submit_generation", "refund": "refund_credit"}
RESULTS = ("completed", "failed")
SETTLED = """
    SELECT p.id::text, p.credits, p.bursar_held,
        (SELECT count(*) FROM generation_jobs AS j
            WHERE j.user_id = p.id AND j.status = 'completed'),
        (SELECT count(*) FROM generation_jobs AS j
            WHERE j.user_id = p.id AND j.status NOT IN ('completed', 'refunded')),
        (SELECT count(*) FROM generation_deductions AS d
            WHERE d.user_id = p.id AND d.status = 'open')
    FROM profiles AS p WHERE p.id = ANY (%s)
"""


class Order:
    """One order of calls, of a user of its own; each `work` has a result of its own."""

    def __init__(self, calls: Sequence[str], results: Sequence[str], had: int) -> None:
        self.calls = calls
        self.results = list(results)
        self.had = had
        self.user = ""

    def __str__(self) -> str:
        return f"{' '.join(self.calls)}, {' '.join(self.results)}, with {self.had}"


def orders(times: int) -> list[tuple[str, ...]]:
    """Every order of `times` of each call."""
    return sorted(set(itertools.permutations(CALLS * times)))


def asked(ledger: Ledger, verb: str, requests: list[dict[str, Any]]) -> list[Outcome]:
    return [
        outcome
        for start in range(0, len(requests), PART)
        for outcome in ledger.ask(verb, requests[start : start + PART])
    ]


def step(ledger: Ledger, call: str, users: Sequence[Order], product: str) -> None:
    """Make the same call for many users, each for oneself."""
    if call == "work":
        work(ledger, users)
    else:
        requests = [request_of(call, order.user, product) for order in users]
        for outcome in asked(ledger, VERBS[call], requests):
            assert outcome.get("code") in EXPECTED[call], outcome


EXPECTED: dict[str, set[str | None]] = {
    "deduct": {None, "INSUFFICIENT_FUNDS", "RATE_LIMITED"},
    "submit": {None, "INSUFFICIENT_FUNDS", "RATE_LIMITED"},
    "refund": {None, "NOTHING_TO_REFUND"},
}


def request_of(call: str, user: str, product: str) -> dict[str, Any]:
    request: dict[str, Any] = {"user_id": user, "caller": {"role": "authenticated", "sub": user}}
    if call != "refund":
        request["product"] = product
    if call == "submit":
        request["input"] = {"prompt": "a fox"}
    return request


def work(ledger: Ledger, users: Sequence[Order]) -> None:
    """End each user's oldest open job, where there is one, as the order says."""
    open_jobs = dict(
        ledger.rows(
            "SELECT DISTINCT ON (user_id) user_id::text, id::text FROM generation_jobs"
            " WHERE status IN ('queued', 'processing') AND user_id = ANY (%s)"
            " ORDER BY user_id, created_at",
            [order.user for order in users],
        )
    )
    requests = []
    for order in users:
        result = order.results.pop(0) if order.results else "failed"
        if order.user in open_jobs:
            job_id = open_jobs[order.user]
            requests.append({"job_id": job_id, "result": result, "caller": SERVICE})
    for outcome in asked(ledger, "end_generation", requests):
        assert outcome["effect"] in ("completed", "refunded"), outcome


def settle(ledger: Ledger, users: Sequence[Order]) -> None:
    """Let every job end and every deduction lapse."""
    for _ in range(3):
        work(ledger, users)
    ledger.admin.execute("UPDATE generation_deductions SET lapses_at = now() WHERE status = 'open'")
    while ledger.value("SELECT bursar.expire_credit_deductions(500)"):
        pass


def wrong(ledger: Ledger, users: Sequence[Order]) -> list[str]:
    """Say which orders did not cost one credit for each finished job and none for another."""
    found = {row[0]: row[1:] for row in ledger.rows(SETTLED, [order.user for order in users])}
    return [
        f"{order}: {found[order.user]}"
        for order in users
        if found[order.user] != (order.had - found[order.user][2], 0, found[order.user][2], 0, 0)
    ]


def tell(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    """Show how much was walked through, also where the tests are quiet."""
    with capsys.disabled():
        sys.stdout.write(f"\n{sentence}\n")


def run(ledger: Ledger, made: list[Order], product: str) -> None:
    """Walk all orders side by side, call by call."""
    grants = []
    for order in made:
        order.user = new_artist(ledger, 0)
        grants.append({"owner_id": order.user, "asset": ASSET, "amount": order.had})
    asked(ledger, "grant", grants)
    for place in range(len(made[0].calls)):
        for call in CALLS:
            users = [order for order in made if order.calls[place] == call]
            step(ledger, call, users, product)
    settle(ledger, made)


@pytest.mark.parametrize("seconds", [0, 3600])
def test_every_order_of_one_page_costs_one_credit_for_a_finished_job(
    ledger: Ledger, seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [Order(*one) for one in itertools.product(orders(1), zip(RESULTS), (1, 2, 3))]
    assert len(made) == 24 * 2 * 3

    run(ledger, made, new_product(ledger, rate_limit_seconds=seconds))

    assert wrong(ledger, made) == []
    ledger.keeps_its_promises()
    tell(capsys, f"{len(made)} orders of one page, a turn every {seconds} s: nothing lost or made")


def test_every_order_of_two_pages_costs_one_credit_for_each_finished_job(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    # The results take turns: both completed, both failed, one of each, first or last.
    results = itertools.cycle(itertools.product(RESULTS, repeat=2))
    made = [Order(calls, result, 2) for calls, result in zip(orders(2), results, strict=False)]
    assert len(made) == 2520

    run(ledger, made, new_product(ledger, rate_limit_seconds=0))

    assert wrong(ledger, made) == []
    finished = ledger.value("SELECT count(*) FROM generation_jobs WHERE status = 'completed'")
    assert finished > 500
    ledger.keeps_its_promises()
    tell(capsys, f"{len(made)} orders of two pages: nothing lost or made; {finished} finished jobs")


def test_at_once_it_costs_the_same(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    product = new_product(ledger, rate_limit_seconds=0)
    made = [
        Order(CALLS * 2, [result], had)
        for result in RESULTS
        for had in (1, 2, 3)
        for _ in range(15)
    ]
    chance = random.Random(6)
    pool = ThreadPoolExecutor(9)
    connections = [ledger.database.connect("service_role") for _ in range(9)]
    for order in made:
        order.user = new_artist(ledger, order.had)
        ready = threading.Barrier(9)
        calls = [*order.calls, "sweep"]
        waits = [chance.random() / 100 for _ in calls]
        list(
            pool.map(
                lambda call, wait, by, order=order, ready=ready: _at_once(
                    ledger, call, wait, by, order, product, ready
                ),
                *(calls, waits, connections),
            )
        )
    settle(ledger, made)

    assert wrong(ledger, made) == []
    ledger.keeps_its_promises()
    tell(capsys, f"{len(made)} rounds of 9 calls at once: nothing lost or made")


def _at_once(
    ledger: Ledger,
    call: str,
    wait: float,
    by: psycopg.Connection,
    order: Order,
    product: str,
    ready: threading.Barrier,
) -> None:
    ready.wait(30)
    time.sleep(wait)
    if call == "sweep":
        by.execute("SELECT bursar.expire_credit_deductions(500), bursar.expire_generation_jobs()")
    elif call == "work":
        for _ in range(30):
            rows = by.execute(
                "SELECT id::text FROM generation_jobs WHERE user_id = %s"
                " AND status IN ('queued', 'processing')",
                [order.user],
            ).fetchall()
            for (job_id,) in rows:
                ledger.one(
                    "end_generation", by, job_id=job_id, result=order.results[0], caller=SERVICE
                )
            time.sleep(0.001)
    else:
        ledger.one(VERBS[call], by, **request_of(call, order.user, product))
