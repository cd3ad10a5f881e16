"""Many submissions at once: as many jobs as there is credit for, and turns."""

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.studio import (
    SERVICE,
    codes,
    credits_of,
    deduct,
    jobs_of,
    new_artist,
    new_product,
    repeated_at_once,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


HOLD_WALLET: LiteralString = "SELECT FROM public.profiles WHERE id = %s FOR UPDATE"


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


@pytest.mark.parametrize("verb", ["deduct_credit", "submit_generation"])
def test_a_product_that_goes_while_a_request_waits_costs_nobody_a_credit(
    ledger: Ledger, verb: str
) -> None:
    user, product = new_artist(ledger, 3), new_product(ledger, price=2)
    asked = {"user_id": user, "product": product, "input": {}, "caller": SERVICE}
    caller = ledger.database.connect()
    caller.execute("SET lock_timeout = '60s'")

    with ThreadPoolExecutor(1) as pool, ledger.held_by_somebody(HOLD_WALLET, user) as editing:
        request = pool.submit(ledger.one, verb, caller, **asked)
        wait_until(lambda: ledger.is_blocked(caller))
        editing.execute("DELETE FROM public.generation_products WHERE product = %s", [product])
        editing.commit()
        outcome = request.result(PATIENCE_SECONDS)

    assert code(outcome) == "PRODUCT_NOT_FOUND"
    assert credits_of(ledger, user) == (3, 0, 0)
    ledger.keeps_its_promises()
    caller.close()
