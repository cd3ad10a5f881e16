"""Workers share jobs by leases: each attempt is one worker's, and a lost one is somebody else's."""

import base64
import uuid
from typing import Any

import psycopg
import pytest

from tests.at_once import at_once
from tests.ledger_in_sql import Ledger, done
from tests.studio import end, events, job, lease, new_artist, new_product, submitted

pytestmark = pytest.mark.postgres_versions("15", "18")


def mine(leased: list[dict[str, Any]], job_id: str) -> dict[str, Any]:
    """The lease of one job among those of all."""
    [found] = [one for one in leased if one["job_id"] == job_id]
    return found


def test_a_lease_tells_a_worker_all_it_needs(ledger: Ledger) -> None:
    product = new_product(
        ledger, price=3, model="m-1", kind="text", tokens_per_credit=50, call_seconds=7
    )
    user = new_artist(ledger, 3)
    job_id = submitted(ledger, user, product=product)

    leased = mine(lease(ledger, 30, "worker one"), job_id)

    assert leased.pop("lease") == job(ledger, job_id)["lease"]
    assert leased == {
        "job_id": job_id,
        "user_id": user,
        "product": product,
        "kind": "text",
        "model": "m-1",
        "input": {"prompt": "a fox"},
        "price": 3,
        "tokens_per_credit": 50,
        "attempt": 1,
        "attempts_max": 3,
        "call_seconds": 7,
    }
    found = job(ledger, job_id)
    assert (found["status"], found["worker"], found["attempts"]) == ("processing", "worker one", 1)
    assert found["started_at"] is not None
    assert job_id not in {one["job_id"] for one in lease(ledger)}


def test_each_job_is_leased_to_one_of_many_workers(ledger: Ledger) -> None:
    user = new_artist(ledger, 60)
    jobs = {submitted(ledger, user) for _ in range(60)}

    def work(number: int, connection: psycopg.Connection) -> list[str]:
        found: list[str] = []
        while True:
            row = connection.execute(
                "SELECT bursar.lease_generation_jobs(%s, 3, 60)", [f"w{number}"]
            ).fetchone()
            assert row is not None
            if not row[0]:
                return found
            found += [one["job_id"] for one in row[0]]

    leased = [one for found in at_once(ledger.database, 8, work, "service_role") for one in found]

    assert len(leased) == len(set(leased))
    assert jobs <= set(leased)


def test_a_job_whose_row_somebody_holds_is_passed_over(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    held, free = submitted(ledger, user), submitted(ledger, user)
    with ledger.held_by_somebody("SELECT FROM generation_jobs WHERE id = %s FOR UPDATE", held):
        names = {one["job_id"] for one in lease(ledger)}
    assert (held in names, free in names) == (False, True)


def test_a_heartbeat_keeps_an_attempt_until_it_is_wanted_no_more(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    job_id, other = submitted(ledger, user), submitted(ledger, user)
    leases = lease(ledger, -1)
    first, another = mine(leases, job_id), mine(leases, other)

    assert keep(ledger, first, 60) is True
    assert job_id not in {one["job_id"] for one in lease(ledger)}
    assert keep(ledger, first | {"lease": another["lease"]}) is False
    done(end(ledger, job_id, "cancelled"))
    assert keep(ledger, first) is False
    # It was taken over meanwhile.
    assert keep(ledger, another) is False


def test_an_attempt_that_failed_waits_its_turn_as_often_as_the_product_allows(
    ledger: Ledger,
) -> None:
    job_id = submitted(ledger, new_artist(ledger), product=new_product(ledger, attempts_max=2))
    first = mine(lease(ledger), job_id)

    assert retry(ledger, first, "HTTP 500", 60) is True

    found = job(ledger, job_id)
    assert (found["status"], found["error"], found["lease"]) == ("queued", "HTTP 500", None)
    assert events(ledger, job_id) == ["attempt_failed"]
    assert job_id not in {one["job_id"] for one in lease(ledger)}
    assert retry(ledger, first, "again", 0) is False
    ledger.admin.execute("UPDATE generation_jobs SET due_at = now() WHERE id = %s", [job_id])
    second = mine(lease(ledger), job_id)
    assert second["attempt"] == 2
    assert retry(ledger, second, "HTTP 500", 0) is False
    assert done(end(ledger, job_id, "failed", lease=second["lease"]))["effect"] == "refunded"
    assert keep(ledger, second) is False


def test_a_lease_that_ran_out_is_anothers_while_attempts_are_left(ledger: Ledger) -> None:
    job_id = submitted(ledger, new_artist(ledger), product=new_product(ledger, attempts_max=2))
    first = mine(lease(ledger, -1), job_id)
    second = mine(lease(ledger, -1, "w2"), job_id)
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["lease"] != second["lease"]
    assert retry(ledger, first, "late", 0) is False
    assert job_id not in {one["job_id"] for one in lease(ledger)}


def test_a_job_that_is_stuck_is_not_taken_up_again_and_not_put_off(ledger: Ledger) -> None:
    product = new_product(ledger, stuck_seconds=60)
    job_id, other = (submitted(ledger, new_artist(ledger), product=product) for _ in range(2))
    leases = lease(ledger)
    assert retry(ledger, mine(leases, other), "HTTP 429", 120) is False
    assert retry(ledger, mine(leases, job_id), "HTTP 500", 0) is True
    ledger.admin.execute(
        "UPDATE generation_jobs SET started_at = started_at - interval '61 s' WHERE id = %s",
        [job_id],
    )

    assert job_id not in {one["job_id"] for one in lease(ledger)}
    ledger.value("SELECT bursar.expire_generation_jobs()")

    assert (job(ledger, job_id)["status"], job(ledger, job_id)["reason"]) == ("refunded", "timeout")


def test_an_attempt_that_is_handed_back_does_not_count(ledger: Ledger) -> None:
    job_id = submitted(ledger, new_artist(ledger), product=new_product(ledger, attempts_max=1))
    first = mine(lease(ledger), job_id)

    assert hand_back(ledger, first | {"lease": str(uuid.uuid4())}) is False
    assert hand_back(ledger, first) is True
    assert hand_back(ledger, first) is False

    assert (job(ledger, job_id)["status"], job(ledger, job_id)["attempts"]) == ("queued", 0)
    second = mine(lease(ledger), job_id)
    assert second["attempt"] == 1
    done(end(ledger, job_id, "completed", lease=second["lease"]))
    assert hand_back(ledger, second) is False


def test_a_retry_beyond_the_jobs_end_is_none(ledger: Ledger) -> None:
    job_id = submitted(ledger, new_artist(ledger), product=new_product(ledger, hold_seconds=60))
    assert retry(ledger, mine(lease(ledger), job_id), "HTTP 429", 120) is False
    assert job(ledger, job_id)["status"] == "processing"


def test_while_changes_are_paused_nothing_is_leased_and_attempts_go_on(ledger: Ledger) -> None:
    job_id = submitted(ledger, new_artist(ledger))
    other = submitted(ledger, new_artist(ledger))
    leases = lease(ledger)
    submitted(ledger, new_artist(ledger))
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert lease(ledger) == []
        assert keep(ledger, mine(leases, job_id)) is True
        assert retry(ledger, mine(leases, other), "x", 0) is False
        assert output(ledger, job_id, b"x") is False
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert job(ledger, other)["status"] == "processing"


def test_an_output_is_kept_while_the_job_is_open_and_shown_once_completed(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    job_id, bad = submitted(ledger, user), submitted(ledger, user)
    content = bytes(range(256))
    assert output(ledger, job_id, b"first") is True
    assert output(ledger, job_id, content) is True
    assert shown(ledger, job_id, user) is None
    done(end(ledger, job_id))
    assert shown(ledger, job_id, user) == ("image/png", content)
    assert shown(ledger, job_id, None) == ("image/png", content)
    assert shown(ledger, job_id, user.upper()) is not None
    assert shown(ledger, job_id, str(uuid.uuid4())) is None
    assert output(ledger, job_id, b"late") is False
    assert output(ledger, bad, b"x") is True
    done(end(ledger, bad, "failed"))
    assert shown(ledger, bad, None) is None
    assert output(ledger, str(uuid.uuid4()), b"x") is False


def keep(ledger: Ledger, leased: dict[str, Any], seconds: int = 30) -> bool:
    found: bool = ledger.value(
        "SELECT bursar.keep_generation_lease(%s, %s, %s)",
        *(leased["job_id"], leased["lease"], seconds),
    )
    return found


def retry(ledger: Ledger, leased: dict[str, Any], error: str, seconds: int) -> bool:
    found: bool = ledger.value(
        "SELECT bursar.retry_generation(%s, %s, %s, %s)",
        *(leased["job_id"], leased["lease"], error, seconds),
    )
    return found


def output(ledger: Ledger, job_id: str, content: bytes) -> bool:
    found: bool = ledger.value(
        "SELECT bursar.keep_generation_output(%s, 'image/png', %s)",
        *(job_id, base64.b64encode(content).decode()),
    )
    return found


def shown(ledger: Ledger, job_id: str, user: str | None) -> tuple[str, bytes] | None:
    found = ledger.value("SELECT bursar.read_generation_output(%s, %s)", job_id, user)
    return found and (found["content_type"], base64.b64decode(found["base64"]))


def hand_back(ledger: Ledger, leased: dict[str, Any]) -> Any:
    return ledger.value(
        "SELECT bursar.hand_back_generation(%s, %s)", leased["job_id"], leased["lease"]
    )
