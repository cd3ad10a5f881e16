"""Batches of generation lock wallets, holds, transactions and jobs in one order.

Each test has the last of the locks held by somebody, and looks whether the batch that waits for it
holds the first one already: then two batches would wait for each other.
"""

import uuid
from typing import LiteralString

import pytest

from tests.ledger_in_sql import Ledger, done
from tests.lock_order_marketplace_test import free, waiting_batch
from tests.studio import SERVICE, deduct, new_artist, submitted

pytestmark = pytest.mark.postgres_versions("15", "18")

WALLET: LiteralString = "SELECT FROM public.profiles WHERE id = %s FOR UPDATE"
JOB: LiteralString = "SELECT FROM public.generation_jobs WHERE id = %s FOR UPDATE"


def two_artists(ledger: Ledger) -> tuple[str, str]:
    """Two people with credits, in the order in which their wallets are locked."""
    first, last = sorted(str(uuid.uuid4()) for _ in range(2))
    for user in (first, last):
        done(ledger.one("grant", owner_id=user, asset="generation_credit", amount=5))
    return first, last


@pytest.mark.parametrize("verb", ["deduct_credit", "submit_generation", "refund_credit"])
def test_wallets_are_locked_in_order_whatever_the_order_of_requests(
    ledger: Ledger, verb: str
) -> None:
    first, last = two_artists(ledger)
    for user in (first, last):
        if verb == "refund_credit":
            done(deduct(ledger, user))
    more: dict[str, object] = {"input": {}} if verb == "submit_generation" else {}
    requests: list[dict[str, object]] = [
        {"user_id": user, "caller": SERVICE, **more} for user in (last, first)
    ]

    outcomes = waiting_batch(ledger, verb, requests, (WALLET, first), free(WALLET, last))

    assert [done(outcome)["status"] for outcome in outcomes] == ["done", "done"]


def test_ends_lock_wallets_in_order_and_jobs_after_all_of_them(ledger: Ledger) -> None:
    first, last = two_artists(ledger)
    jobs = [submitted(ledger, user) for user in (last, first)]
    requests: list[dict[str, object]] = [
        {"job_id": job_id, "result": "completed", "caller": SERVICE} for job_id in jobs
    ]
    outcomes = waiting_batch(ledger, "end_generation", requests, (WALLET, last), free(JOB, jobs[1]))
    assert [done(outcome)["effect"] for outcome in outcomes] == ["completed", "completed"]


def test_ends_of_one_users_jobs_lock_the_jobs_in_order(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    first, last = sorted(submitted(ledger, user) for _ in range(2))
    requests: list[dict[str, object]] = [
        {"job_id": job_id, "result": "failed", "caller": SERVICE} for job_id in (last, first)
    ]
    outcomes = waiting_batch(ledger, "end_generation", requests, (JOB, first), free(JOB, last))
    assert [done(outcome)["effect"] for outcome in outcomes] == ["refunded", "refunded"]
