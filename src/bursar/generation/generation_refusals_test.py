"""What is refused of deductions and submissions, for what reason first, and who may ask."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    ASSET,
    SERVICE,
    credits_of,
    deduct,
    new_artist,
    submit,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    stranger = {"role": "authenticated", "sub": new_artist(ledger, 0)}
    no_such = {"product": "no such product"}
    bad = {"input": "text"}
    done(submit(ledger, user, key="k"))
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert code(submit(ledger, user, **bad, caller=stranger)) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(submit(ledger, user, **bad, caller=stranger)) == "MALFORMED"
    assert code(submit(ledger, user, **no_such, caller=stranger, key="k")) == "NOT_AUTHORIZED"
    assert code(submit(ledger, user, **no_such)) == "PRODUCT_NOT_FOUND"
    with ledger.held_by_somebody("SELECT FROM public.profiles WHERE id = %s FOR UPDATE", user):
        assert code(submit(ledger, user, input={}, key="k")) == "IDEMPOTENCY_MISMATCH"
        assert code(submit(ledger, user, input={}, rate_limit_seconds=60)) == "BUSY"
    assert code(submit(ledger, user, rate_limit_seconds=60)) == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize("status", ["frozen", "closed"])
def test_a_wallet_that_is_not_open_takes_no_job(ledger: Ledger, status: str) -> None:
    user = new_artist(ledger, 0 if status == "closed" else 5)
    if status == "closed":
        done(ledger.one("grant", owner_id=user, asset=ASSET, amount=1))
        done(ledger.one("spend", owner_id=user, asset=ASSET, amount=1))
    done(ledger.one("freeze", owner_id=user, asset=ASSET, wallet_status=status))
    assert code(submit(ledger, user)) == f"WALLET_{status.upper()}"


WRONG: dict[str, list[object]] = {
    "user_id": [None, "", "ann", 5, {}, [], "system:external"],
    "product": ["", 5, {}, [], "ü", "p" * 101],
    "input": [None, "text", 5, [], {"prompt": "p" * 16_400}],
    "rate_limit_seconds": ["", "5", -1, 1.5, 86_401, {}, True],
    "key": ["", 5, {}, "ü", "k" * 256],
    "principal": ["", "root", "anon"],
    "actor": ["", 5, {}, "ü", "a" * 256],
}


@pytest.mark.parametrize(
    ("verb", "field"),
    [
        *(("submit_generation", field) for field in WRONG),
        *(("deduct_credit", field) for field in WRONG if field != "input"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbour_goes_on(
    ledger: Ledger, verb: str, field: str
) -> None:
    user = new_artist(ledger, 1)
    sound = {"user_id": user, "rate_limit_seconds": 0, "caller": SERVICE}
    if verb == "submit_generation":
        sound["input"] = {"prompt": "a fox"}

    outcomes = ledger.ask(verb, [*(sound | {field: value} for value in WRONG[field]), 5, sound])

    for outcome in outcomes[:-2]:
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": field})
    assert code(outcomes[-2]) == "MALFORMED"
    done(outcomes[-1])


def test_who_may_submit_for_whom(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    other = new_artist(ledger, 0)
    for caller in (
        {"role": "anon", "sub": user},
        {"role": "authenticated", "sub": other},
        {"role": "authenticated"},
        {"sub": user},
        {},
        None,
    ):
        refused = submit(ledger, user, caller=caller)
        assert (code(refused), refused["details"]) == ("NOT_AUTHORIZED", {}), caller
        assert code(deduct(ledger, user, caller=caller)) == "NOT_AUTHORIZED", caller
    done(submit(ledger, user, caller={"role": "authenticated", "sub": user.upper()}))
    done(submit(ledger, user.upper(), caller=SERVICE))
    assert credits_of(ledger, user) == (5, 2, 0)
