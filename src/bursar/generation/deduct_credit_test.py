"""Older apps deduct first: the credit is gone at once, and waits for its job."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    ASSET,
    SERVICE,
    credits_of,
    deduct,
    new_artist,
    new_product,
    refund,
    repeated_at_once,
    submit,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_deduction_is_spent_at_once_and_open(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, price=2, deduction_seconds=600)

    taken = done(deduct(ledger, user, product=product))

    assert (taken["amount"], taken["balance"], taken["available"]) == (2, 3, 3)
    assert ledger.entries(taken["transaction_id"]) == [
        (ASSET, user, -2, "used"),
        (ASSET, "system:revenue", 2, "used"),
    ]
    [row] = ledger.rows(
        "SELECT user_id::text, amount, status, job_id, ended_at,"
        " extract(epoch FROM lapses_at - created_at)::int FROM generation_deductions"
        " WHERE transaction_id = %s",
        taken["transaction_id"],
    )
    assert row == (user, 2, "open", None, None, 600)
    ledger.keeps_its_promises()


def test_a_deduction_may_never_lapse(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    taken = done(deduct(ledger, user, product=new_product(ledger, deduction_seconds=None)))
    assert (
        ledger.value(
            "SELECT lapses_at FROM generation_deductions WHERE transaction_id = %s",
            taken["transaction_id"],
        )
        is None
    )
    assert done(submit(ledger, user))["deduction"] == taken["transaction_id"]


def test_too_early_takes_nothing_and_no_credit_uses_no_turn(own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    user = new_artist(own_ledger, 0)
    assert code(deduct(own_ledger, user, rate_limit_seconds=60)) in (
        "WALLET_NOT_FOUND",
        "INSUFFICIENT_FUNDS",
    )
    done(own_ledger.one("grant", owner_id=user, asset=ASSET, amount=2))
    done(deduct(own_ledger, user, rate_limit_seconds=60))
    early = deduct(own_ledger, user, rate_limit_seconds=60)
    assert code(early) == "RATE_LIMITED"
    assert early["details"]["retry_after_seconds"] == 60
    assert credits_of(own_ledger, user) == (1, 0, 0)
    done(deduct(own_ledger, user))
    assert code(deduct(own_ledger, user, rate_limit_seconds=60)) == "INSUFFICIENT_FUNDS"


def test_the_same_key_takes_once(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, price=2)
    first = done(deduct(ledger, user, product=product, key="a"))
    assert done(deduct(ledger, user, product=product, key="a")) == first | {"replayed": True}
    assert code(deduct(ledger, user, key="a")) == "IDEMPOTENCY_MISMATCH"
    ledger.admin.execute("DELETE FROM generation_products WHERE product = %s", [product])
    assert done(deduct(ledger, user, product=product, key="a")) == first | {"replayed": True}
    assert credits_of(ledger, user) == (3, 0, 0)
    ledger.keeps_its_promises()


def test_what_is_remembered_of_a_refusal(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    done(deduct(ledger, user))
    assert code(deduct(ledger, user, rate_limit_seconds=60, key="early")) == "RATE_LIMITED"
    with ledger.held_by_somebody("SELECT FROM public.profiles WHERE id = %s FOR UPDATE", user):
        assert code(deduct(ledger, user, key="busy")) == "BUSY"
    assert done(deduct(ledger, user, key="early"))["replayed"] is False
    assert done(deduct(ledger, user, key="busy"))["replayed"] is False
    poor = deduct(ledger, user, key="poor")
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=5))
    assert code(poor) == "INSUFFICIENT_FUNDS"
    assert deduct(ledger, user, key="poor") == poor | {"replayed": True}


def test_one_batch_serves_many_users_and_one_of_them_again_and_again(ledger: Ledger) -> None:
    users = [new_artist(ledger, 2) for _ in range(10)]
    sound = {"rate_limit_seconds": 0, "caller": SERVICE}

    outcomes = ledger.ask(
        "deduct_credit", [{"user_id": user, **sound} for user in [*users, *users[:1] * 3]]
    )

    assert [one.get("code") for one in outcomes] == [None] * 11 + ["INSUFFICIENT_FUNDS"] * 2
    assert [credits_of(ledger, user)[0] for user in users] == [0] + [1] * 9
    ledger.keeps_its_promises()


@pytest.mark.parametrize("seconds", [0, 60])
def test_many_at_once_take_what_there_is(ledger: Ledger, seconds: int) -> None:
    user = new_artist(ledger, 3)

    outcomes = repeated_at_once(
        ledger, 20, "deduct_credit", user_id=user, rate_limit_seconds=seconds, caller=SERVICE
    )

    taken = [one for one in outcomes if one["status"] == "done"]
    assert len(taken) == (3 if seconds == 0 else 1)
    assert {code(one) for one in outcomes if one["status"] != "done"} == {
        "RATE_LIMITED" if seconds else "INSUFFICIENT_FUNDS"
    }
    assert credits_of(ledger, user)[0] == 3 - len(taken)
    ledger.keeps_its_promises()


def test_a_raw_change_of_credits_becomes_an_entry(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    done(submit(ledger, user))
    ledger.admin.execute("UPDATE profiles SET credits = credits + 4 WHERE id = %s", [user])

    assert credits_of(ledger, user) == (7, 1, 0)
    [(verb, amount, actor)] = ledger.rows(
        "SELECT verb, amount, actor FROM bursar.transaction WHERE owner_id = %s"
        " ORDER BY id DESC LIMIT 1",
        user,
    )
    assert (verb, amount) == ("adjust", 4)
    assert actor.startswith("sql:")
    done(deduct(ledger, user, product=new_product(ledger, price=6)))
    assert code(deduct(ledger, user)) == "INSUFFICIENT_FUNDS"
    ledger.keeps_its_promises()


def test_a_turn_may_be_given_back_by_plain_sql(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    done(deduct(ledger, user, rate_limit_seconds=60))
    ledger.database.connect("service_role").execute(
        "UPDATE profiles SET last_generate_at = NULL WHERE id = %s", [user]
    )
    done(deduct(ledger, user, rate_limit_seconds=60))
    assert len(_entries(ledger, user)) == 3


def test_a_profile_that_an_app_inserts_is_a_wallet(ledger: Ledger) -> None:
    user = new_artist(ledger, 0)
    ledger.database.connect("service_role").execute(
        "INSERT INTO profiles (id, email, credits) VALUES (%s, 'ann@example.com', 2)", [user]
    )
    done(deduct(ledger, user))
    assert credits_of(ledger, user) == (1, 0, 0)
    done(refund(ledger, user))
    assert _entries(ledger, user) == [2, -1, 1]
    ledger.keeps_its_promises()


def _entries(ledger: Ledger, user: str) -> list[int]:
    return [
        row[0]
        for row in ledger.rows(
            "SELECT amount FROM bursar.entry WHERE asset = %s AND owner_id = %s ORDER BY seq",
            ASSET,
            user,
        )
    ]


def test_a_deduction_for_one_product_is_no_turn_of_another(ledger: Ledger) -> None:
    user = new_artist(ledger, 9)
    quick = new_product(ledger, rate_limit_seconds=0)
    seldom = {"product": new_product(ledger, rate_limit_seconds=3600), "rate_limit_seconds": 3600}
    done(deduct(ledger, user, product=quick))
    done(submit(ledger, user, **seldom))  # Nobody had a turn before this deduction.
    done(deduct(ledger, user, product=quick))

    refused = submit(ledger, user, **seldom)

    assert code(refused) == "RATE_LIMITED"
    assert 3500 < refused["details"]["retry_after_seconds"] <= 3600
    done(submit(ledger, user, product=quick))
    ledger.keeps_its_promises()
