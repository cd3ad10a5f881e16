"""Submitting sets the price aside and makes the job, both or neither; a deduction is taken over."""

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.studio import (
    ASSET,
    SERVICE,
    credits_of,
    deduct,
    end,
    job,
    jobs_of,
    new_artist,
    new_product,
    submit,
    submitted,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_job_and_its_hold_are_made_together(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    product = new_product(ledger, price=2, hold_seconds=600)

    made = done(submit(ledger, user, product=product, actor=f"user:{user}"))

    assert (made["amount"], made["balance"], made["held"], made["available"]) == (2, 3, 2, 1)
    assert (made["job_status"], made["deduction"], made["replayed"]) == ("queued", None, False)
    found = job(ledger, made["job_id"])
    assert (found["user_id"], found["product"], found["status"]) == (user, product, "queued")
    assert (found["hold"], found["price"], found["actor"]) == (made["hold_id"], 2, f"user:{user}")
    assert found["input"] == {"prompt": "a fox"}
    [(transaction, reason, metadata)] = ledger.rows(
        "SELECT transaction_id, reason, metadata FROM bursar.hold WHERE id = %s", made["hold_id"]
    )
    assert transaction == made["transaction_id"]
    assert (reason, metadata) == ("generation", {"job": made["job_id"]})
    ledger.keeps_its_promises()


def test_without_enough_credit_there_is_no_job_and_no_turn_is_used(ledger: Ledger) -> None:
    user = new_artist(ledger, 1)
    product = new_product(ledger, price=2, rate_limit_seconds=60)
    poor = submit(ledger, user, product=product, rate_limit_seconds=60)
    nobody = submit(ledger, new_artist(ledger, 0), product=product)

    assert (code(poor), poor["details"]["needed"]) == ("INSUFFICIENT_FUNDS", 2)
    assert poor["message"] == "INSUFFICIENT_FUNDS: Not enough credits to generate this."
    assert code(nobody) in ("INSUFFICIENT_FUNDS", "WALLET_NOT_FOUND")
    assert _turn(ledger, user) is None
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=3))
    done(submit(ledger, user, product=product, rate_limit_seconds=60))
    # Too early now, but without credit waiting would not help.
    assert code(submit(ledger, user, product=product, rate_limit_seconds=60)) == "RATE_LIMITED"
    dear = new_product(ledger, price=3)
    again = submit(ledger, user, product=dear, rate_limit_seconds=60)
    assert code(again) == "INSUFFICIENT_FUNDS"
    assert jobs_of(ledger, user) == 1


def test_too_early_takes_nothing_and_says_how_long_to_wait(own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    user = new_artist(own_ledger, 3)
    product = new_product(own_ledger, rate_limit_seconds=60)
    first = submit(own_ledger, user, product=product, rate_limit_seconds=None)
    turn = _turn(own_ledger, user)
    own_ledger.advance(1)

    early = submit(own_ledger, user, product=product, rate_limit_seconds=None, key="early")

    done(first)
    assert code(early) == "RATE_LIMITED"
    assert early["details"]["retry_after_seconds"] == 59
    assert early["message"] == "RATE_LIMITED: Please wait 59 seconds before generating again."
    assert (credits_of(own_ledger, user), _turn(own_ledger, user)) == ((3, 1, 0), turn)
    # Nothing was remembered under its key: later it is a first try.
    _wait(own_ledger, user, 60)
    assert done(submit(own_ledger, user, product=product, key="early"))["replayed"] is False


@pytest.mark.parametrize(("left", "told"), [(0.4, "1 second "), (1.5, "2 seconds ")])
def test_the_wait_is_told_in_whole_seconds_rounded_up(
    own_ledger: Ledger, left: float, told: str
) -> None:
    own_ledger.stop_clock()
    user = new_artist(own_ledger, 2)
    done(submit(own_ledger, user))
    _wait(own_ledger, user, 10 - left)
    early = submit(own_ledger, user, rate_limit_seconds=10)
    assert f"Please wait {told}before" in early["message"]


def test_a_user_makes_the_limit_stricter_and_never_looser(own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    user = new_artist(own_ledger, 9)
    me = {"role": "authenticated", "sub": user}
    product = new_product(own_ledger, rate_limit_seconds=30)
    done(submit(own_ledger, user, product=product, caller=me, rate_limit_seconds=None))

    for seconds in (0, 5, 30, None):
        early = submit(own_ledger, user, product=product, caller=me, rate_limit_seconds=seconds)
        assert early["details"]["retry_after_seconds"] == 30, seconds
    stricter = submit(own_ledger, user, product=product, caller=me, rate_limit_seconds=300)
    assert stricter["details"]["retry_after_seconds"] == 300
    assert done(submit(own_ledger, user, product=product, rate_limit_seconds=0))


def test_a_deduction_is_taken_over_with_its_turn(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, rate_limit_seconds=60, price=1)
    taken = done(deduct(ledger, user, product=product, rate_limit_seconds=None))
    turn = _turn(ledger, user)

    made = done(submit(ledger, user, product=product, rate_limit_seconds=None))

    assert (made["deduction"], made["hold_id"]) == (taken["transaction_id"], None)
    assert credits_of(ledger, user) == (4, 0, 0)
    assert _turn(ledger, user) == turn
    assert _deduction(ledger, taken) == ("adopted", made["job_id"])
    assert code(submit(ledger, user, product=product, rate_limit_seconds=None)) == "RATE_LIMITED"
    done(end(ledger, made["job_id"]))
    assert credits_of(ledger, user) == (4, 0, 0)
    ledger.keeps_its_promises()


def test_the_oldest_deduction_goes_first_and_what_it_does_not_cover_is_held(
    ledger: Ledger,
) -> None:
    user = new_artist(ledger, 10)
    first = done(deduct(ledger, user, product=new_product(ledger, price=2)))
    second = done(deduct(ledger, user))
    dear = new_product(ledger, price=5)

    made = done(submit(ledger, user, product=dear))
    other = done(submit(ledger, user, product=new_product(ledger, price=1)))

    assert (made["deduction"], other["deduction"]) == (
        first["transaction_id"],
        second["transaction_id"],
    )
    assert credits_of(ledger, user) == (7, 3, 0)
    # The transaction of a hold says what is held, and not the price.
    assert made["amount"] == 3
    assert ledger.value(
        "SELECT t.amount FROM bursar.hold AS h JOIN bursar.transaction AS t"
        " ON t.id = h.transaction_id WHERE h.id = %s",
        made["hold_id"],
    ) == (3)
    assert (made["hold_id"] is None, other["hold_id"]) == (False, None)
    done(end(ledger, made["job_id"], "failed"))
    assert credits_of(ledger, user) == (9, 0, 0)
    ledger.keeps_its_promises()


def test_a_deduction_with_too_little_credit_beside_it_stays_open(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    taken = done(deduct(ledger, user, product=new_product(ledger, price=2)))
    poor = submit(ledger, user, product=new_product(ledger, price=3))
    assert code(poor) == "INSUFFICIENT_FUNDS"
    assert _deduction(ledger, taken) == ("open", None)


def test_the_same_key_is_the_same_job(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, rate_limit_seconds=60)
    first = done(submit(ledger, user, product=product, key="a", rate_limit_seconds=None))

    again = done(submit(ledger, user, product=product, key="a", rate_limit_seconds=None))
    changed = submit(ledger, user, product=product, key="a", input={"prompt": "a dog"})
    done(submit(ledger, user, product=product, key="b"))
    ledger.admin.execute(
        "UPDATE generation_products SET is_active = false WHERE product = %s", [product]
    )
    withdrawn = done(submit(ledger, user, product=product, key="a"))

    assert again == withdrawn == first | {"replayed": True}
    assert code(changed) == "IDEMPOTENCY_MISMATCH"
    assert jobs_of(ledger, user) == 2
    assert code(submit(ledger, user, product=product, key="c")) == "PRODUCT_NOT_FOUND"


def test_a_known_key_takes_over_no_deduction(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    first = done(submit(ledger, user, key="a"))
    taken = done(deduct(ledger, user))
    assert done(submit(ledger, user, key="a"))["job_id"] == first["job_id"]
    assert _deduction(ledger, taken) == ("open", None)
    assert credits_of(ledger, user) == (4, 1, 0)


def test_what_is_remembered_of_a_refusal(ledger: Ledger) -> None:
    user = new_artist(ledger, 0)
    ledger.one("grant", owner_id=user, asset=ASSET, amount=1)
    dear = new_product(ledger, price=2)
    poor = submit(ledger, user, product=dear, key="poor")
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=5))
    again = submit(ledger, user, product=dear, key="poor")
    assert (code(poor), code(again), again["replayed"]) == (
        *("INSUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS"),
        True,
    )
    with ledger.held_by_somebody("SELECT FROM public.profiles WHERE id = %s FOR UPDATE", user):
        assert code(submit(ledger, user, key="busy")) == "BUSY"
    assert done(submit(ledger, user, key="busy"))["replayed"] is False


def test_one_batch_serves_many_users_and_one_of_them_twice(ledger: Ledger) -> None:
    users = [new_artist(ledger, 1) for _ in range(20)]
    twice = users[7]
    sound = {"input": {}, "rate_limit_seconds": 0, "caller": SERVICE}

    outcomes = ledger.ask(
        "submit_generation", [{"user_id": user, **sound} for user in [*users, twice, twice]]
    )

    assert {done(one)["job_status"] for one in outcomes[:20]} == {"queued"}
    assert [code(one) for one in outcomes[20:]] == ["INSUFFICIENT_FUNDS"] * 2
    assert {credits_of(ledger, user) for user in users} == {(1, 1, 0)}
    ledger.keeps_its_promises()


def test_a_lapsed_deduction_is_not_taken_over(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    taken = done(deduct(ledger, user))
    ledger.admin.execute(
        "UPDATE generation_deductions SET lapses_at = now() - interval '1 second'"
        " WHERE transaction_id = %s",
        [taken["transaction_id"]],
    )
    assert job(ledger, submitted(ledger, user))["deduction"] is None
    assert credits_of(ledger, user) == (1, 1, 0)


def _turn(ledger: Ledger, user: str) -> str | None:
    found: str | None = ledger.value(
        "SELECT last_generate_at::text FROM profiles WHERE id = %s", user
    )
    return found


def _wait(ledger: Ledger, user: str, seconds: float) -> None:
    """Have the last turn of somebody be so much longer ago."""
    ledger.admin.execute(
        "UPDATE profiles SET last_generate_at = bursar.clock() - make_interval(secs => %s)"
        " WHERE id = %s",
        [seconds, user],
    )


def _deduction(ledger: Ledger, taken: Outcome) -> tuple[str, str | None]:
    [(status, job_id)] = ledger.rows(
        "SELECT status, job_id::text FROM generation_deductions WHERE transaction_id = %s",
        taken["transaction_id"],
    )
    return status, job_id
