"""A refund gives back a deduction that no job came of, and never makes a credit."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    ASSET,
    SERVICE,
    credits_of,
    deduct,
    end,
    job,
    new_artist,
    new_product,
    refund,
    repeated_at_once,
    submitted,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_without_a_deduction_there_is_nothing_to_give_back(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    running = submitted(ledger, user)

    assert [code(refund(ledger, one)) for one in (user, new_artist(ledger, 0))] == [
        "NOTHING_TO_REFUND"
    ] * 2
    done(end(ledger, running))
    assert code(refund(ledger, user)) == "NOTHING_TO_REFUND"
    assert credits_of(ledger, user) == (1, 0, 0)


def test_the_oldest_open_deduction_goes_back_once(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    first = done(deduct(ledger, user, product=new_product(ledger, price=2)))
    second = done(deduct(ledger, user))

    back = [done(refund(ledger, user)) for _ in range(2)]

    assert [one["amount"] for one in back] == [2, 1]
    assert [one["deduction"] for one in back] == [
        first["transaction_id"],
        second["transaction_id"],
    ]
    assert code(refund(ledger, user)) == "NOTHING_TO_REFUND"
    assert credits_of(ledger, user) == (5, 0, 0)
    assert _told(ledger, user)[0] == f"Refunded 2 credits to user {user} due to no job came of it"
    ledger.keeps_its_promises()


@pytest.mark.parametrize("result", [None, "completed", "failed", "cancelled"])
def test_a_deduction_of_a_job_is_not_given_back(ledger: Ledger, result: str | None) -> None:
    user = new_artist(ledger, 1)
    taken = done(deduct(ledger, user))
    job_id = submitted(ledger, user)
    if result:
        done(end(ledger, job_id, result))
    left = credits_of(ledger, user)

    assert code(refund(ledger, user)) == "NOTHING_TO_REFUND"
    named = refund(ledger, user, deduction=taken["transaction_id"])
    assert code(named) == "NOTHING_TO_REFUND"
    assert credits_of(ledger, user) == left


def test_what_could_not_be_given_back_of_a_failed_job_may_be_asked_for(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    done(deduct(ledger, user))
    job_id = submitted(ledger, user)
    wallet = {"owner_id": user, "asset": ASSET}
    done(ledger.one("freeze", **wallet, wallet_status="closed"))
    done(end(ledger, job_id, "failed"))
    assert code(refund(ledger, user)) == "WALLET_CLOSED"
    done(ledger.one("freeze", **wallet, wallet_status="open"))

    assert done(refund(ledger, user))["job_id"] == job_id

    assert (credits_of(ledger, user), job(ledger, job_id)["status"]) == ((1, 0, 0), "refunded")
    assert done(end(ledger, job_id, "expired"))["effect"] == "unchanged"
    assert done(end(ledger, job_id))["effect"] == "late_success"
    assert credits_of(ledger, user) == (1, 0, 0)
    assert _told(ledger, user)[:2] == [
        f"Could not refund 1 credit to user {user} due to provider_error",
        f"Could not refund 1 credit to user {user} due to no job came of it",
    ]
    ledger.keeps_its_promises()


def test_a_hundred_refunds_at_once_give_back_what_was_deducted(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    stranger = new_artist(ledger, 3)
    done(deduct(ledger, user))
    done(deduct(ledger, user))

    outcomes = repeated_at_once(ledger, 100, "refund_credit", user_id=user, caller=SERVICE)
    mints = repeated_at_once(ledger, 50, "refund_credit", user_id=stranger, caller=SERVICE)

    assert (
        sorted(one.get("code", "done") for one in outcomes)
        == ["NOTHING_TO_REFUND"] * 98 + ["done"] * 2
    )
    assert {code(one) for one in mints} == {"NOTHING_TO_REFUND"}
    assert credits_of(ledger, user) == credits_of(ledger, stranger) == (3, 0, 0)
    ledger.keeps_its_promises()


def test_the_same_key_gives_back_once(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    taken = done(deduct(ledger, user))
    done(deduct(ledger, user))
    first = done(refund(ledger, user, key="r"))
    assert done(refund(ledger, user, key="r")) == first | {"replayed": True}
    changed = refund(ledger, user, key="r", deduction=taken["transaction_id"])
    assert code(changed) == "IDEMPOTENCY_MISMATCH"
    assert credits_of(ledger, user) == (1, 0, 0)


def test_neither_busy_nor_nothing_is_remembered(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    assert code(refund(ledger, user, key="n")) == "NOTHING_TO_REFUND"
    done(deduct(ledger, user))
    with ledger.held_by_somebody("SELECT FROM public.profiles WHERE id = %s FOR UPDATE", user):
        assert code(refund(ledger, user, key="b")) == "BUSY"
    assert done(refund(ledger, user, key="n"))["replayed"] is False


def test_the_service_may_name_the_deduction_and_nobody_else(ledger: Ledger) -> None:
    user, other = new_artist(ledger, 3), new_artist(ledger, 1)
    done(deduct(ledger, user))
    second = done(deduct(ledger, user))["transaction_id"]
    me = {"role": "authenticated", "sub": user}

    assert code(refund(ledger, user, deduction=second, caller=me)) == "NOT_AUTHORIZED"
    assert code(refund(ledger, other, deduction=second)) == "NOTHING_TO_REFUND"
    assert done(refund(ledger, user, deduction=second))["deduction"] == second
    assert code(refund(ledger, user, deduction=second)) == "NOTHING_TO_REFUND"
    assert credits_of(ledger, user) == (2, 0, 0)


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    stranger = {"role": "authenticated", "sub": new_artist(ledger, 0)}
    done(deduct(ledger, user))
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert code(refund(ledger, user, reason=5)) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    for field, values in WRONG.items():
        for value in values:
            request = {"user_id": user, "caller": stranger, field: value}
            [wrong] = ledger.ask("refund_credit", [request])
            assert (code(wrong), wrong["details"]) == ("MALFORMED", {"field": field}), value
    for caller in (stranger, {"role": "anon", "sub": user}, {"sub": "x"}, {}, None):
        assert code(refund(ledger, user, caller=caller)) == "NOT_AUTHORIZED"
    assert done(refund(ledger, user.upper(), caller={"role": "authenticated", "sub": user}))


WRONG: dict[str, list[object]] = {
    "user_id": [None, "", "ann", 5, {}, []],
    "deduction": ["", "5", 0, 1.5, {}, True],
    "reason": ["", 5, {}, "r" * 201],
    "key": ["", 5, {}, "ü", "k" * 256],
    "principal": ["", "root"],
    "actor": ["", 5, {}, "ü", "a" * 256],
}


def test_one_batch_gives_back_many(ledger: Ledger) -> None:
    users = [new_artist(ledger, 2) for _ in range(5)]
    for user in users:
        done(deduct(ledger, user))

    outcomes = ledger.ask(
        "refund_credit", [{"user_id": user, "caller": SERVICE} for user in [*users, *users, "x"]]
    )

    assert [one.get("code") for one in outcomes] == [None] * 5 + ["NOTHING_TO_REFUND"] * 5 + [
        "MALFORMED"
    ]
    assert {credits_of(ledger, user) for user in users} == {(2, 0, 0)}
    ledger.keeps_its_promises()


def _told(ledger: Ledger, user: str) -> list[str]:
    return [
        row[0]
        for row in ledger.rows(
            "SELECT message FROM generation_events WHERE user_id = %s ORDER BY id", user
        )
    ]


@pytest.mark.parametrize("amount", [1, 2])
def test_what_an_operator_gave_back_pays_for_no_job_and_goes_back_no_more(
    ledger: Ledger, amount: int
) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, price=2)
    taken = done(deduct(ledger, user, product=product))["transaction_id"]
    done(ledger.one("refund", transaction_id=taken, amount=amount))

    job_id = submitted(ledger, user, product=product)

    assert job(ledger, job_id)["deduction"] is None
    assert credits_of(ledger, user) == (3 + amount, 2, 0)
    back = refund(ledger, user)
    assert code(back) == "NOTHING_TO_REFUND" if amount == 2 else done(back)["amount"] == 1
    assert code(refund(ledger, user)) == "NOTHING_TO_REFUND"
    assert credits_of(ledger, user) == (5, 2, 0)
    assert ledger.value(
        "SELECT status FROM generation_deductions WHERE transaction_id = %s", taken
    ) == ("refunded")
    ledger.keeps_its_promises()
