"""A job ends once: its credit is captured, or it is given back, whatever comes late."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    SERVICE,
    credits_of,
    deduct,
    end,
    events,
    job,
    lease,
    new_artist,
    new_product,
    submit,
    submitted,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_result_captures_and_a_failure_gives_back(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    good, bad = submitted(ledger, user), submitted(ledger, user)
    assert credits_of(ledger, user) == (2, 2, 0)
    lease(ledger)

    ended = done(end(ledger, good, output={"url": "x"}, provider_reference="r-1"))
    failed = done(end(ledger, bad, "failed", error="HTTP 500"))

    assert (ended["effect"], ended["job_status"], ended["price"]) == ("completed", "completed", 1)
    assert (failed["effect"], failed["job_status"], failed["refunded"]) == (
        "refunded",
        "refunded",
        1,
    )
    assert failed["message"] == f"Refunded 1 credit to user {user} due to provider_error"
    assert credits_of(ledger, user) == (1, 0, 0)
    assert job(ledger, bad)["error"] == "HTTP 500"
    assert job(ledger, good)["output"] == {"url": "x"}
    assert (events(ledger, good), events(ledger, bad)) == (["completed"], ["refunded"])
    ledger.keeps_its_promises()


@pytest.mark.parametrize("funding", ["hold", "deduction"])
def test_what_comes_late_changes_nothing_and_is_recorded(ledger: Ledger, funding: str) -> None:
    user = new_artist(ledger, 2)
    jobs = []
    for _ in range(2):
        if funding == "deduction":
            done(deduct(ledger, user))
        jobs.append(submitted(ledger, user))
    good, bad = jobs
    done(end(ledger, good))
    done(end(ledger, bad, "failed"))
    before = credits_of(ledger, user)

    answers = [
        end(ledger, job_id, result)
        for job_id, result in (
            (good, "completed"),
            (good, "failed"),
            (good, "expired"),
            (bad, "completed"),
            (bad, "failed"),
            (bad, "cancelled"),
            (bad, "expired"),
        )
    ]

    assert [done(answer)["effect"] for answer in answers] == [
        "duplicate_answer",
        "late_failure",
        "unchanged",
        "late_success",
        "unchanged",
        "unchanged",
        "unchanged",
    ]
    assert code(end(ledger, good, "cancelled")) == "JOB_ENDED"
    assert before == credits_of(ledger, user) == (1, 0, 0)
    assert (job(ledger, good)["status"], job(ledger, bad)["status"]) == ("completed", "refunded")
    assert events(ledger, bad) == ["refunded", "late_success"]
    ledger.keeps_its_promises()


@pytest.mark.parametrize(
    ("over_run", "price", "effect", "left"),
    [
        ("cap", 3, "completed", (5, 0, 0)),
        ("cap", 9, "completed", (3, 0, 0)),
        ("reject", 9, "refunded", (8, 0, 0)),
        ("reject", 5, "completed", (3, 0, 0)),
        ("overdraft", 7, "completed", (1, 0, 0)),
        ("overdraft", 9, "completed", (0, 0, 1)),
        ("overdraft", 1, "completed", (7, 0, 0)),
    ],
)
@pytest.mark.parametrize("deducted", [0, 2, 5])
def test_the_actual_price_is_charged_by_the_products_policy(
    ledger: Ledger,
    over_run: str,
    price: int,
    effect: str,
    left: tuple[int, int, int],
    deducted: int,
) -> None:
    user = new_artist(ledger, 8)
    product = new_product(ledger, price=5, over_run=over_run)
    if deducted:
        done(deduct(ledger, user, product=new_product(ledger, price=deducted)))
    job_id = submitted(ledger, user, product=product)
    assert credits_of(ledger, user) == (8 - deducted, 5 - deducted, 0)

    ended = done(end(ledger, job_id, price=price))

    assert ended["effect"] == effect
    assert credits_of(ledger, user) == left
    ledger.keeps_its_promises()


def test_a_failure_of_an_attempt_that_was_given_up_on_ends_nothing(ledger: Ledger) -> None:
    user = new_artist(ledger)
    job_id = submitted(ledger, user)
    [first] = [one for one in lease(ledger, seconds=-1) if one["job_id"] == job_id]
    [second] = [one for one in lease(ledger) if one["job_id"] == job_id]

    late = done(end(ledger, job_id, "failed", lease=first["lease"]))

    assert (late["effect"], job(ledger, job_id)["status"]) == ("late_failure", "processing")
    assert (first["attempt"], second["attempt"]) == (1, 2)
    # Its result is as good as the later attempt's.
    assert done(end(ledger, job_id, lease=first["lease"]))["effect"] == "completed"
    assert done(end(ledger, job_id, lease=second["lease"]))["effect"] == "duplicate_answer"
    assert credits_of(ledger, user) == (0, 0, 0)


def test_users_cancel_their_own_jobs_and_nothing_else(ledger: Ledger) -> None:
    user, other = new_artist(ledger), new_artist(ledger)
    job_id = submitted(ledger, user)
    me = {"role": "authenticated", "sub": user}
    you = {"role": "authenticated", "sub": other}

    assert code(end(ledger, job_id, "cancelled", caller=you)) == "JOB_NOT_FOUND"
    assert code(end(ledger, job_id, "completed", caller=me)) == "NOT_AUTHORIZED"
    assert code(end(ledger, job_id, "cancelled", caller={"role": "anon"})) == "JOB_NOT_FOUND"
    assert done(end(ledger, job_id, "cancelled", caller=me))["effect"] == "refunded"
    assert job(ledger, job_id)["reason"] == "cancelled"
    assert credits_of(ledger, user) == (1, 0, 0)


def test_one_batch_ends_many_jobs_of_many_users(ledger: Ledger) -> None:
    users = [new_artist(ledger, 3) for _ in range(4)]
    jobs = [submitted(ledger, user) for user in users for _ in range(3)]

    outcomes = ledger.ask(
        "end_generation",
        [
            {"job_id": job_id, "result": ("completed", "failed", "cancelled")[n % 3]}
            | {"caller": SERVICE}
            for n, job_id in enumerate([*jobs, *jobs])
        ],
    )

    assert [one.get("effect", one.get("code")) for one in outcomes[:3]] == [
        "completed",
        "refunded",
        "refunded",
    ]
    assert {one.get("effect") for one in outcomes[12:]} == {"duplicate_answer", "unchanged"}
    assert {credits_of(ledger, user) for user in users} == {(2, 0, 0)}
    ledger.keeps_its_promises()


def test_where_a_credit_cannot_be_given_back_the_job_is_failed_and_tried_again(
    ledger: Ledger,
) -> None:
    user = new_artist(ledger)
    done(deduct(ledger, user))
    job_id = submitted(ledger, user)
    status = {"owner_id": user, "asset": "generation_credit"}
    done(ledger.one("freeze", **status, wallet_status="closed"))

    first = done(end(ledger, job_id, "failed"))

    assert (first["effect"], first["job_status"], first["refunded"]) == (
        "refund_refused",
        "failed",
        0,
    )
    done(ledger.one("freeze", **status, wallet_status="open"))
    assert done(end(ledger, job_id, "expired"))["effect"] == "refunded"
    assert credits_of(ledger, user) == (1, 0, 0)
    assert job(ledger, job_id)["status"] == "refunded"


def test_a_hold_that_lapsed_is_not_captured(ledger: Ledger) -> None:
    user = new_artist(ledger)
    job_id = str(done(submit(ledger, user, product=new_product(ledger, hold_seconds=1)))["job_id"])
    ledger.admin.execute(
        "UPDATE bursar.hold SET expires_at = now() - interval '1 second'"
        " WHERE id = (SELECT hold FROM generation_jobs WHERE id = %s)",
        [job_id],
    )

    late = done(end(ledger, job_id))

    assert (late["effect"], late["job_status"], late["reason"]) == (
        "late_success",
        "refunded",
        "hold_lapsed",
    )
    assert job(ledger, job_id)["status"] == "refunded"
    ledger.value("SELECT bursar.tick()")
    assert events(ledger, job_id).count("refunded") == 1
    assert credits_of(ledger, user) == (1, 0, 0)
    ledger.keeps_its_promises()
