"""The sweepers give back what nobody ends any more, once, and name the reason."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.studio import (
    ASSET,
    credits_of,
    deduct,
    end,
    events,
    job,
    lease,
    new_artist,
    new_product,
    submitted,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(autouse=True)
def _nothing_is_left(ledger: Ledger) -> Iterator[None]:
    """Each test begins without jobs and deductions of others."""
    yield
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    for (job_id,) in ledger.rows("SELECT id::text FROM generation_jobs WHERE due_at IS NOT NULL"):
        end(ledger, job_id, "cancelled")
    ledger.admin.execute("UPDATE generation_deductions SET lapses_at = NULL")


def sweep(ledger: Ledger, limit: int = 200) -> int:
    found: int = ledger.value("SELECT bursar.expire_generation_jobs(%s)", limit)
    return found


def sweep_deductions(ledger: Ledger, limit: int = 200) -> int:
    found: int = ledger.value("SELECT bursar.expire_credit_deductions(%s)", limit)
    return found


def aged(ledger: Ledger, job_id: str, seconds: int) -> None:
    """Have everything about a job have been so much longer ago."""
    ledger.admin.execute(
        "UPDATE generation_jobs SET created_at = created_at - a, started_at = started_at - a,"
        " due_at = due_at - a, give_up_at = give_up_at - a"
        " FROM make_interval(secs => %s) AS a WHERE id = %s",
        [seconds, job_id],
    )
    ledger.admin.execute(
        "UPDATE bursar.hold SET expires_at = expires_at - make_interval(secs => %s)"
        " WHERE id = (SELECT hold FROM generation_jobs WHERE id = %s)",
        [seconds, job_id],
    )


@pytest.mark.parametrize("funding", ["hold", "deduction"])
@pytest.mark.parametrize(
    ("taken_up", "stuck_seconds", "seconds", "reason"),
    [
        (False, 1800, 7201, "not_taken_up"),
        (True, 1800, 1801, "timeout"),
        (True, 86_400, 7201, "timeout"),
    ],
)
def test_what_is_stuck_is_given_up_after_its_time(
    ledger: Ledger, funding: str, taken_up: bool, stuck_seconds: int, seconds: int, reason: str
) -> None:
    user = new_artist(ledger)
    if funding == "deduction":
        done(deduct(ledger, user))
    job_id = submitted(ledger, user, product=new_product(ledger, stuck_seconds=stuck_seconds))
    if taken_up:
        lease(ledger, 86_400)
    aged(ledger, job_id, seconds - 5)
    assert (sweep(ledger), job(ledger, job_id)["finished_at"]) == (0, None)

    aged(ledger, job_id, 5)

    assert (sweep(ledger), sweep(ledger)) == (1, 0)
    found = job(ledger, job_id)
    assert (found["status"], found["reason"]) == ("refunded", reason)
    assert credits_of(ledger, user) == (1, 0, 0)
    assert _told(ledger, job_id) == f"Refunded 1 credit to user {user} due to {reason}"
    assert done(end(ledger, job_id))["effect"] == "late_success"
    assert events(ledger, job_id) == ["refunded", "late_success"]
    ledger.keeps_its_promises()


def test_a_hold_that_a_sweeper_expired_first_is_told_as_given_back_too(ledger: Ledger) -> None:
    user = new_artist(ledger)
    job_id = submitted(ledger, user)
    aged(ledger, job_id, 7201)
    assert ledger.value("SELECT bursar.expire_holds(200)") == 1
    assert credits_of(ledger, user) == (1, 0, 0)
    assert sweep(ledger) == 1
    assert _told(ledger, job_id) == f"Refunded 1 credit to user {user} due to not_taken_up"
    assert credits_of(ledger, user) == (1, 0, 0)


def test_the_last_attempt_that_was_lost_ends_the_job(ledger: Ledger) -> None:
    user = new_artist(ledger)
    job_id = submitted(ledger, user, product=new_product(ledger, attempts_max=2))
    lease(ledger, -1)
    assert sweep(ledger) == 0
    lease(ledger, -1)

    assert sweep(ledger) == 1

    assert job(ledger, job_id)["reason"] == "worker_lost"
    assert _told(ledger, job_id) == f"Refunded 1 credit to user {user} due to worker_lost"
    assert credits_of(ledger, user) == (1, 0, 0)


def test_times_are_the_products(ledger: Ledger) -> None:
    product = new_product(ledger, stuck_seconds=60, hold_seconds=600)
    job_id = submitted(ledger, new_artist(ledger), product=product)
    lease(ledger, 3600)
    aged(ledger, job_id, 61)
    assert sweep(ledger) == 1


def test_what_could_not_be_given_back_is_tried_every_five_minutes(ledger: Ledger) -> None:
    user = new_artist(ledger)
    done(deduct(ledger, user))
    job_id = submitted(ledger, user)
    wallet = {"owner_id": user, "asset": ASSET}
    done(ledger.one("freeze", **wallet, wallet_status="closed"))
    done(end(ledger, job_id, "failed"))
    assert sweep(ledger) == 0
    aged(ledger, job_id, 301)
    assert sweep(ledger) == 0
    done(ledger.one("freeze", **wallet, wallet_status="open"))
    assert sweep(ledger) == 0
    aged(ledger, job_id, 301)

    assert sweep(ledger) == 1

    found = job(ledger, job_id)
    assert (found["status"], found["reason"], found["due_at"]) == (
        *("refunded", "provider_error"),
        None,
    )
    assert events(ledger, job_id) == ["refund_refused", "refund_refused", "refunded"]
    assert credits_of(ledger, user) == (1, 0, 0)


def test_a_busy_wallet_is_left_for_the_next_time(ledger: Ledger) -> None:
    busy, free = new_artist(ledger), new_artist(ledger)
    jobs = [submitted(ledger, user) for user in (busy, free)]
    for job_id in jobs:
        aged(ledger, job_id, 7201)
    with ledger.held_by_somebody("SELECT FROM public.profiles WHERE id = %s FOR UPDATE", busy):
        assert sweep(ledger) == 1
    assert [job(ledger, job_id)["status"] for job_id in jobs] == ["queued", "refunded"]
    assert sweep(ledger) == 1
    assert credits_of(ledger, busy) == (1, 0, 0)


def test_the_oldest_go_first_and_the_limit_is_kept(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    jobs = [submitted(ledger, user) for _ in range(5)]
    for place, job_id in enumerate(jobs):
        aged(ledger, job_id, 9000 - place)
    assert sweep(ledger, 2) == 2
    assert [job(ledger, one)["status"] for one in jobs] == ["refunded"] * 2 + ["queued"] * 3
    assert sweep(ledger, 2) == 2
    assert sweep(ledger, 2) == 1


def test_many_sweepers_at_once_give_back_once(ledger: Ledger) -> None:
    users = [new_artist(ledger) for _ in range(30)]
    jobs = [submitted(ledger, user) for user in users]
    for job_id in jobs:
        aged(ledger, job_id, 7201)
    sweepers = [ledger.database.connect("service_role") for _ in range(4)]
    with psycopg.connect(ledger.database.url) as somebody:
        somebody.execute("SELECT FROM profiles WHERE id = ANY (%s) FOR UPDATE", [users])
        for one in sweepers:
            one.execute("SET lock_timeout = '20s'")
            one.pgconn.send_query(b"SELECT bursar.expire_generation_jobs(200)")
        somebody.rollback()
    for one in sweepers:
        while one.pgconn.get_result():
            pass
    assert {credits_of(ledger, user) for user in users} == {(1, 0, 0)}
    assert {tuple(events(ledger, one)) for one in jobs} == {("refunded",)}
    ledger.keeps_its_promises()


def test_a_deduction_that_no_job_took_over_goes_back(ledger: Ledger) -> None:
    user, never = new_artist(ledger, 3), new_artist(ledger, 1)
    first, second = (done(deduct(ledger, user))["transaction_id"] for _ in range(2))
    done(deduct(ledger, never, product=new_product(ledger, deduction_seconds=None)))
    assert sweep_deductions(ledger) == 0
    _lapse(ledger, first)

    assert (sweep_deductions(ledger), sweep_deductions(ledger)) == (1, 0)

    assert credits_of(ledger, user) == (2, 0, 0)
    assert ledger.rows(
        "SELECT status, lapses_at FROM generation_deductions WHERE transaction_id = ANY (%s)"
        " ORDER BY transaction_id",
        [first, second],
    )[0] == ("refunded", None)
    _lapse(ledger, second)
    assert sweep_deductions(ledger) == 1
    assert credits_of(ledger, never) == (0, 0, 0)
    ledger.keeps_its_promises()


def test_a_deduction_of_a_closed_wallet_is_tried_again_later(ledger: Ledger) -> None:
    user = new_artist(ledger)
    taken = done(deduct(ledger, user))["transaction_id"]
    _lapse(ledger, taken)
    wallet = {"owner_id": user, "asset": ASSET}
    done(ledger.one("freeze", **wallet, wallet_status="closed"))
    assert sweep_deductions(ledger) == 0
    done(ledger.one("freeze", **wallet, wallet_status="open"))
    assert sweep_deductions(ledger) == 0
    _lapse(ledger, taken)
    assert sweep_deductions(ledger) == 1
    assert credits_of(ledger, user) == (1, 0, 0)


def test_while_changes_are_paused_nothing_is_swept(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    job_id = submitted(ledger, user)
    aged(ledger, job_id, 7201)
    _lapse(ledger, done(deduct(ledger, user))["transaction_id"])
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert (sweep(ledger), sweep_deductions(ledger)) == (0, 0)
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert (sweep(ledger), sweep_deductions(ledger)) == (1, 1)
    assert credits_of(ledger, user) == (2, 0, 0)


def _lapse(ledger: Ledger, transaction_id: int) -> None:
    ledger.admin.execute(
        "UPDATE generation_deductions SET lapses_at = now() - interval '1 second'"
        " WHERE transaction_id = %s",
        [transaction_id],
    )


def _told(ledger: Ledger, job_id: str) -> str:
    found: str = ledger.value("SELECT message FROM generation_events WHERE job_id = %s", job_id)
    return found
