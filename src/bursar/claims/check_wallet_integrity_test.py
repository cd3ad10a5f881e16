"""The operators' check: clean whatever verbs do, and it finds what plain SQL has done alone."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger_in_sql import Ledger, done
from tests.sale import Sale, new_tx, new_user
from tests.shop import SERVICE, claim, claimed, new_item, owed, sold, take, unclean, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")


def found(ledger: Ledger, user: str) -> list[tuple[Any, ...]]:
    return ledger.rows(
        "SELECT wallet_count, claim_count FROM public.check_wallet_integrity() WHERE user_id = %s",
        user,
    )


def test_it_has_the_columns_that_operators_know(ledger: Ledger) -> None:
    assert (
        ledger.value(
            "SELECT pg_get_function_result('public.check_wallet_integrity()'::regprocedure)"
        )
        == "TABLE(user_id text, wallet_count integer, claim_count bigint)"
    )


@pytest.fixture(scope="module")
def items(ledger: Ledger) -> list[str]:
    return [new_item(ledger.admin, amount) for amount in (1, 2, 5)]


# What a user and their shop may go through; the number says which sale, or how much.
STEPS = st.tuples(
    st.sampled_from(
        ["claim", "override", "use", "refund", "reverse", "grant", "adjust", "hold", "correct"]
    ),
    st.integers(0, 5),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEPS, min_size=3, max_size=25))
def test_it_stays_clean_whatever_verbs_do(
    ledger: Ledger, items: list[str], steps: list[tuple[str, int]]
) -> None:
    user = new_user()
    sales = [Sale(user, items[n % 3]) for n in range(6)]
    for sale in sales:
        done(take(ledger, sale.purchase()))

    for step, n in steps:
        shields = {"owner_id": user, "asset": "streak_shield", "amount": n + 1}
        if step == "claim":
            claim(ledger, sales[n])
        elif step == "override":
            claim(ledger, sales[n], override_reason="why not")
        elif step == "use":
            ledger.one("use_item", user_id=user, amount=n + 1, caller=SERVICE)
        elif step == "refund":
            take(ledger, sales[n].refund())
        elif step == "reverse":
            take(ledger, sales[n].reversal())
        elif step == "adjust":
            ledger.one("adjust", **(shields | {"amount": n - 3 or 1}), reason="counted")
        elif step == "correct":
            given_ = ledger.one("grant", **shields)
            ledger.one("refund", transaction_id=given_.get("transaction_id"), amount=1)
        else:
            ledger.one(step, **shields)
        assert found(ledger, user) == [], (step, n)
    ledger.keeps_its_promises()


def test_a_refund_of_what_was_used_stays_clean_through_debt_and_repayment(
    ledger: Ledger, items: list[str]
) -> None:
    user = new_user()
    first = claimed(ledger, user, items[1])
    done(ledger.one("use_item", user_id=user, amount=2, caller=SERVICE))
    states = [(wallet(ledger, user)[0], owed(ledger, user))]
    done(take(ledger, first.refund()))
    states.append((wallet(ledger, user)[0], owed(ledger, user)))
    second = sold(ledger, user, items[0])
    done(claim(ledger, second))
    states.append((wallet(ledger, user)[0], owed(ledger, user)))
    done(take(ledger, second.refund()))
    states.append((wallet(ledger, user)[0], owed(ledger, user)))
    done(claim(ledger, sold(ledger, user, items[2])))
    states.append((wallet(ledger, user)[0], owed(ledger, user)))
    done(take(ledger, first.reversal()))
    states.append((wallet(ledger, user)[0], owed(ledger, user)))

    assert states == [(0, 0), (0, 2), (0, 1), (0, 2), (3, 0), (5, 0)]
    assert unclean(ledger) == []


def record(ledger: Ledger, user: str, sku: str) -> None:
    ledger.admin.execute(
        "INSERT INTO purchase_claims (tx_id, user_id, sku) VALUES (%s, %s, %s)",
        [new_tx(), user, sku],
    )


def add(ledger: Ledger, user: str, amount: int) -> None:
    ledger.admin.execute(
        "UPDATE user_wallet_balances SET streakshield_count = streakshield_count + %s"
        " WHERE user_id = %s",
        [amount, user],
    )


def test_it_finds_what_plain_sql_did_alone_and_not_what_it_did_in_pairs(
    ledger: Ledger, items: list[str]
) -> None:
    user = claimed(ledger, sku=items[0]).user_id

    add(ledger, user, 2)
    assert found(ledger, user) == [(3, 1)]
    record(ledger, user, items[0])
    assert found(ledger, user) == [(3, 2)]
    record(ledger, user, items[0])
    assert found(ledger, user) == []
    record(ledger, user, items[0])
    assert found(ledger, user) == [(3, 4)]
    add(ledger, user, 1)
    assert found(ledger, user) == []

    nobody = new_user()
    record(ledger, nobody, items[0])
    assert found(ledger, nobody) == [(0, 1)]
    ledger.admin.execute("DELETE FROM user_wallet_balances WHERE user_id = %s", [user])
    assert found(ledger, user) == [(0, 4)]


def test_what_plain_sql_recorded_is_taken_back_by_a_refund(
    ledger: Ledger, items: list[str]
) -> None:
    sale = sold(ledger, sku=items[0])
    ledger.admin.execute(
        "INSERT INTO user_wallet_balances (user_id, streakshield_count) VALUES (%s, 1)",
        [sale.user_id],
    )
    ledger.admin.execute(
        "INSERT INTO purchase_claims (tx_id, user_id, sku) VALUES (%s, %s, %s)",
        [sale.tx_id, sale.user_id, sale.sku],
    )

    done(take(ledger, sale.refund()))
    assert (wallet(ledger, sale.user_id)[0], found(ledger, sale.user_id)) == (0, [])
    done(take(ledger, sale.reversal()))
    assert (wallet(ledger, sale.user_id)[0], found(ledger, sale.user_id)) == (1, [])
    assert (
        ledger.value("SELECT status FROM purchase_claims WHERE tx_id = %s", sale.tx_id)
        == "recorded"
    )


def test_other_items_and_boosters_are_no_shields(ledger: Ledger) -> None:
    ledger.register_gem()
    user = claimed(ledger, sku=new_item(ledger.admin, 5, asset="gem")).user_id
    claimed(ledger, user, "consumable_xp_booster_7d")

    assert found(ledger, user) == []
