"""The two functions that older apps call: who may call them for whom, and what they answer."""

from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.studio import credits_of, deduct, new_artist, submit

pytestmark = pytest.mark.postgres_versions("15", "18")


def deducted(by: psycopg.Connection, user: str, seconds: int | None = 0) -> dict[str, Any]:
    """Call `deduct_credit_atomic` as a stock client does, with names."""
    row = by.execute(
        "SELECT public.deduct_credit_atomic(p_user_id => %s, p_rate_limit_seconds => %s)",
        [user, seconds],
    ).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def refunded(by: psycopg.Connection, user: str) -> dict[str, Any]:
    """Call `refund_credit_atomic` likewise."""
    row = by.execute("SELECT public.refund_credit_atomic(p_user_id => %s)", [user]).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


@pytest.mark.parametrize("role", ["service_role", "authenticated"])
def test_both_answer_what_is_left(ledger: Ledger, role: str) -> None:
    user = new_artist(ledger, 3)
    by = ledger.database.connect(role, user)

    taken = deducted(by, user)
    back = refunded(by, user)

    assert set(taken) == set(back) == {"success", "credits_remaining", "amount", "transaction_id"}
    assert (taken["success"], taken["credits_remaining"], taken["amount"]) == (True, 2, 1)
    assert (back["success"], back["credits_remaining"], back["amount"]) == (True, 3, 1)
    actor = ledger.value(
        "SELECT actor FROM bursar.transaction WHERE id = %s", taken["transaction_id"]
    )
    assert actor == f"sql:{role}"
    nothing = refunded(by, user)
    assert (nothing["success"], nothing["error"]) == (False, "nothing_to_refund")
    assert nothing["message"].startswith("NOTHING_TO_REFUND: ")
    assert credits_of(ledger, user) == (3, 0, 0)


def test_what_is_held_is_not_left(ledger: Ledger) -> None:
    user = new_artist(ledger, 3)
    done(submit(ledger, user))
    assert deducted(ledger.caller, user)["credits_remaining"] == 1


def test_a_refusal_is_answered_and_not_raised(own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    user = new_artist(own_ledger, 2)
    deducted(own_ledger.caller, user)

    early = deducted(own_ledger.caller, user, 60)
    assert set(early) == {
        *("success", "error", "code", "message", "retry_after_seconds", "details"),
    }
    assert (early["success"], early["error"], early["code"]) == (
        *(False, "rate_limited"),
        "RATE_LIMITED",
    )
    assert early["retry_after_seconds"] == 60
    assert "Please wait 60 seconds before generating again" in early["message"]
    deducted(own_ledger.caller, user)
    assert deducted(own_ledger.caller, user)["error"] == "insufficient_funds"
    for seconds in (-1, 86_401):
        assert deducted(own_ledger.caller, user, seconds)["error"] == "malformed"
    assert credits_of(own_ledger, user) == (0, 0, 0)


def test_a_user_acts_for_oneself_and_cannot_loosen_the_limit(own_ledger: Ledger) -> None:
    own_ledger.stop_clock()
    user, other = new_artist(own_ledger, 5), new_artist(own_ledger, 5)
    done(deduct(own_ledger, other))
    me = own_ledger.database.connect("authenticated", user)

    assert deducted(me, other)["error"] == "not_authorized"
    assert refunded(me, other)["error"] == "not_authorized"
    assert deducted(me, user, 0)["success"] is True
    # The product says ten seconds.
    for seconds in (0, 1, None):
        assert deducted(me, user, seconds)["retry_after_seconds"] == 10
    assert deducted(me, user, 100)["retry_after_seconds"] == 100
    assert deducted(own_ledger.caller, user, 0)["success"] is True
    assert (credits_of(own_ledger, user)[0], credits_of(own_ledger, other)[0]) == (3, 4)


def test_a_token_without_a_user_acts_for_nobody(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    nobody = ledger.database.connect("authenticated")
    assert deducted(nobody, user)["error"] == "not_authorized"
    assert refunded(nobody, user)["error"] == "not_authorized"
    assert credits_of(ledger, user) == (5, 0, 0)


@pytest.mark.parametrize("call", [deducted, refunded])
def test_anonymous_visitors_call_neither(ledger: Ledger, call: Any) -> None:
    user = new_artist(ledger, 5)
    for sub in (None, user):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(ledger.database.connect("anon", sub), user)


def test_users_reach_no_other_verb_and_see_their_own_rows_only(ledger: Ledger) -> None:
    user, other = new_artist(ledger, 5), new_artist(ledger, 5)
    done(submit(ledger, user))
    done(submit(ledger, other))
    me = ledger.database.connect("authenticated", user)
    for call in CALLS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            me.execute(f"SELECT bursar.{call}".encode())
    for table in ("generation_outputs", "generation_deductions", "generation_events"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            me.execute(f"SELECT * FROM public.{table}".encode())
    for change in (
        "UPDATE profiles SET credits = 99",
        "UPDATE profiles SET last_generate_at = NULL",
        "UPDATE generation_jobs SET status = 'completed'",
        "UPDATE generation_products SET price = 1",
        "INSERT INTO profiles (credits) VALUES (5)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            me.execute(change.encode())
    assert me.execute("SELECT id::text FROM profiles").fetchall() == [(user,)]
    assert me.execute("SELECT user_id::text FROM generation_jobs").fetchall() == [(user,)]
    assert me.execute("SELECT count(*) FROM generation_products").fetchone() != (0,)
    anon = ledger.database.connect("anon")
    for table in ("profiles", "generation_jobs"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anon.execute(f"SELECT * FROM public.{table}".encode())


CALLS = (
    "deduct_credit('[]')",
    "submit_generation('[]')",
    "end_generation('[]')",
    "refund_credit('[]')",
    "lease_generation_jobs('w')",
    "keep_generation_lease('a', 'b')",
    "retry_generation('a', 'b', 'c', 1)",
    "keep_generation_output('a', 'b', 'c')",
    "expire_generation_jobs()",
    "expire_credit_deductions()",
    "tick()",
    "read_generation_job('a', 'b')",
    "read_studio('a')",
    "read_generation_output('a', 'b')",
)
