"""Many submissions at once: as many jobs as there is credit for, and turns."""

import pytest

from tests.ledger_in_sql import Ledger, done
from tests.studio import (
    SERVICE,
    codes,
    credits_of,
    deduct,
    jobs_of,
    new_artist,
    repeated_at_once,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.mark.parametrize("many", [2, 100])
def test_many_submissions_at_once_with_one_credit_are_one_job(ledger: Ledger, many: int) -> None:
    user = new_artist(ledger, 1)

    outcomes = repeated_at_once(
        ledger,
        many,
        "submit_generation",
        user_id=user,
        input={},
        caller=SERVICE,
        rate_limit_seconds=0,
    )

    assert codes(outcomes) == ["INSUFFICIENT_FUNDS"] * (many - 1) + ["done"]
    assert (jobs_of(ledger, user), credits_of(ledger, user)) == (1, (1, 1, 0))
    ledger.keeps_its_promises()


@pytest.mark.parametrize("many", [2, 100])
def test_many_within_the_rate_limit_are_one_job_and_the_others_wait(
    ledger: Ledger, many: int
) -> None:
    user = new_artist(ledger, 200)

    outcomes = repeated_at_once(
        ledger,
        many,
        "submit_generation",
        user_id=user,
        input={},
        caller=SERVICE,
        rate_limit_seconds=60,
    )

    assert codes(outcomes) == ["RATE_LIMITED"] * (many - 1) + ["done"]
    waits = {o["details"]["retry_after_seconds"] for o in outcomes if o["status"] == "refused"}
    assert waits <= set(range(40, 61))
    assert (jobs_of(ledger, user), credits_of(ledger, user)) == (1, (200, 1, 0))


def test_fifty_at_once_under_one_key_are_one_job(ledger: Ledger) -> None:
    user = new_artist(ledger, 60)

    outcomes = repeated_at_once(
        ledger, 50, "submit_generation", user_id=user, input={}, caller=SERVICE, key="double click"
    )

    assert {done(one)["job_id"] for one in outcomes} == {outcomes[0]["job_id"]}
    assert sorted(one["replayed"] for one in outcomes) == [False] + [True] * 49
    assert (jobs_of(ledger, user), credits_of(ledger, user)) == (1, (60, 1, 0))


def test_one_deduction_is_taken_over_by_one_of_many(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    done(deduct(ledger, user))

    outcomes = repeated_at_once(
        ledger, 20, "submit_generation", user_id=user, input={}, caller=SERVICE
    )

    assert codes(outcomes) == ["INSUFFICIENT_FUNDS"] * 19 + ["done"]
    assert credits_of(ledger, user) == (0, 0, 0)
