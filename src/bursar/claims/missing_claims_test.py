"""What operators mend: claims that are missing, and wallets that differ."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import NOON, Ledger, code, done
from tests.sale import BOOSTER, SHIELD, Sale, new_user
from tests.shop import SERVICE, claim, claimed, sold, take, unclean, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")


def missing(ledger: Ledger, *sales: Sale) -> list[dict[str, Any]]:
    """What is missing of these sales, in the order in which it is told."""
    found = ledger.value("SELECT bursar.find_missing_claims()")
    return [one for one in found if one["tx_id"] in [sale.tx_id for sale in sales]]


def test_purchases_without_a_claim_are_found_oldest_first_and_granted_once(
    ledger: Ledger,
) -> None:
    late = sold(ledger, bought_at=NOON)
    early = sold(ledger, sku=BOOSTER, bought_at=NOON - timedelta(days=3))
    known = claimed(ledger)

    found = missing(ledger, late, early, known)

    assert [(one["tx_id"], one["user_id"], one["sku"], one["cap"]) for one in found] == [
        (early.tx_id, early.user_id, BOOSTER, None),
        (late.tx_id, late.user_id, SHIELD, None),
    ]
    for _ in range(2):
        for one in found:
            request = {name: one[name] for name in ("tx_id", "user_id", "sku")}
            done(ledger.one("claim_purchase", **request, caller=SERVICE, actor="op:kim"))
    assert missing(ledger, late, early) == []
    assert wallet(ledger, late.user_id)[0] == 1
    assert unclean(ledger) == []


def test_what_could_not_be_claimed_is_not_missing(ledger: Ledger) -> None:
    refunded, sandbox = sold(ledger), sold(ledger, environment="SANDBOX")
    unknown_sku = sold(ledger, sku="com.app.subscription")
    provisional = Sale()
    done(take(ledger, refunded.refund()))
    done(take(ledger, provisional.temporary_grant()))

    assert missing(ledger, refunded, sandbox, unknown_sku, provisional) == []


def test_a_purchase_over_its_cap_is_found_with_the_cap_and_can_be_overridden(
    ledger: Ledger,
) -> None:
    user = claimed(ledger).user_id
    sale = sold(ledger, user)

    [found] = missing(ledger, sale)

    assert (found["cap"]["cap"], found["cap"]["allowed"]) == ("week", 1)
    assert code(claim(ledger, sale)) == "CAP_EXCEEDED"
    done(claim(ledger, sale, override_reason="An outage.", actor="op:kim"))
    assert missing(ledger, sale) == []
    assert (
        ledger.value("SELECT count(*) FROM public.claims_over_cap WHERE tx_id = %s", sale.tx_id)
        == 0
    )


def test_no_more_are_answered_than_were_asked_for(ledger: Ledger) -> None:
    for _ in range(4):
        sold(ledger)

    assert len(ledger.value("SELECT bursar.find_missing_claims(3)")) == 3


def test_a_wallet_that_differs_is_found_and_brought_back_without_what_was_used(
    ledger: Ledger,
) -> None:
    user, other = claimed(ledger).user_id, claimed(ledger).user_id
    done(ledger.one("use_item", user_id=user, caller=SERVICE))
    ledger.admin.execute(
        "UPDATE user_wallet_balances SET streakshield_count = 7 WHERE user_id = %s", [user]
    )
    find = "SELECT bursar.find_wallet_differences(%s)"

    [(found,)] = ledger.caller.execute(find, [user]).fetchall()

    assert found == [{"user_id": user, "wallet_count": 7, "claim_count": 0, "difference": -7}]
    assert ledger.value(find, other) == []
    assert [one["user_id"] for one in ledger.value(find, None)] == [user]
    assert done(ledger.one("correct_shields", user_id=user, actor="op:kim"))["amount"] == 7
    assert wallet(ledger, user)[0] == 0
    assert ledger.value(find, None) == []
    # What operators give by the same verb stays given.
    done(ledger.one("adjust", owner_id=user, asset="streak_shield", amount=2, reason="sorry"))
    assert ledger.value(find, None) == []
    assert unclean(ledger) == []


def test_only_the_service_and_operators_look(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        visitor = ledger.database.connect(role, new_user())
        for call in (
            "bursar.find_missing_claims()",
            "bursar.find_wallet_differences()",
            "bursar.count_shields()",
            "bursar.waiting_store_work()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                visitor.execute(f"SELECT {call}".encode())
