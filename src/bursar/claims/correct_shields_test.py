"""Corrections of shields: by what differs, once, as an entry; used shields stay used."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import new_user
from tests.shop import SERVICE, claimed, insisted_at_once, owed, unclean, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")

WRONG: list[tuple[str, object]] = [
    *(("user_id", None), ("user_id", " x"), ("user_id", ["ada"]), ("user_id", "system:issuance")),
    *(("reason", ""), ("reason", "x" * 201), ("reason", 5), ("reason", {})),
    *(("actor", ""), ("actor", "x" * 256), ("actor", "k\u00fc"), ("actor", 5)),
]


def set_shields(ledger: Ledger, user: str, count: int) -> None:
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET streakshield_count = %s WHERE user_id = %s",
        [count, user],
    )


def test_what_differs_becomes_an_entry_and_then_nothing_is_left(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    set_shields(ledger, user, 5)

    outcome = done(ledger.one("correct_shields", user_id=user, reason="counted", actor="op:kim"))

    assert (outcome["amount"], wallet(ledger, user)[0]) == (4, 1)
    assert ledger.entries(outcome["transaction_id"]) == [
        ("streak_shield", "system:adjustment", 4, "adjusted"),
        ("streak_shield", user, -4, "adjusted"),
    ] or ledger.entries(outcome["transaction_id"]) == [
        ("streak_shield", user, -4, "adjusted"),
        ("streak_shield", "system:adjustment", 4, "adjusted"),
    ]
    assert ledger.rows(
        "SELECT reason, actor FROM bursar.transaction WHERE id = %s", outcome["transaction_id"]
    ) == [("counted", "op:kim")]
    assert done(ledger.one("correct_shields", user_id=user))["amount"] == 0
    assert unclean(ledger) == []


def test_used_shields_stay_used(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    done(ledger.one("use_item", user_id=user, caller=SERVICE))

    assert done(ledger.one("correct_shields", user_id=user))["amount"] == 0
    assert wallet(ledger, user)[0] == 0


def test_what_was_spent_of_too_many_is_owed(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    set_shields(ledger, user, 3)
    done(ledger.one("use_item", user_id=user, amount=3, caller=SERVICE))

    done(ledger.one("correct_shields", user_id=user))

    assert (wallet(ledger, user)[0], owed(ledger, user)) == (0, 2)


def test_many_at_once_correct_it_once(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    set_shields(ledger, user, 0)

    outcomes = insisted_at_once(ledger, "correct_shields", [{"user_id": user}] * 8)

    assert sorted(done(one)["amount"] for one in outcomes) == [0] * 7 + [1]
    assert wallet(ledger, user)[0] == 1


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    set_shields(ledger, user, 0)
    done(ledger.one("freeze", owner_id=user, asset="streak_shield", wallet_status="closed"))

    assert code(ledger.one("correct_shields", user_id="")) == "MALFORMED"
    assert code(ledger.one("correct_shields", user_id=7)) == "MALFORMED"
    assert code(ledger.one("correct_shields", user_id=new_user())) == "WALLET_NOT_FOUND"
    assert code(ledger.one("correct_shields", user_id=user)) == "WALLET_CLOSED"


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_who_and_why_are_texts(ledger: Ledger, field: str, value: object) -> None:
    user = claimed(ledger).user_id
    set_shields(ledger, user, 9)

    outcome = ledger.one("correct_shields", **({"user_id": user} | {field: value}))

    assert code(outcome) == "MALFORMED"
    assert outcome["details"] == {"field": field}
    assert wallet(ledger, user)[0] == 9


def test_a_batch_corrects_each(ledger: Ledger) -> None:
    users = [claimed(ledger).user_id for _ in range(2)]
    for user, count in zip(users, (9, 0), strict=True):
        set_shields(ledger, user, count)

    names = (*users, "nobody", users[0])
    outcomes = ledger.ask("correct_shields", [{"user_id": name} for name in names])

    told = [one.get("code", one.get("amount")) for one in outcomes]
    assert told == [8, 1, "WALLET_NOT_FOUND", 0]
    assert [wallet(ledger, user)[0] for user in users] == [1, 1]
