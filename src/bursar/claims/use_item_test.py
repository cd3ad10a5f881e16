"""Using an item: an entry like any other, by whoever has it."""

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.sale import new_user
from tests.shop import SERVICE, claimed, insisted_at_once, new_item, unclean, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")


def use(ledger: Ledger, user: str, **fields: object) -> Outcome:
    return ledger.one("use_item", **({"user_id": user, "caller": SERVICE} | fields))


def test_a_use_is_an_entry(ledger: Ledger) -> None:
    user = claimed(ledger, sku=new_item(ledger.admin, 3)).user_id

    outcome = done(use(ledger, user, actor=f"user:{user}"))

    assert (outcome["amount"], outcome["balance"]) == (1, 2)
    assert ledger.entries(outcome["transaction_id"])[0] == ("streak_shield", user, -1, "used")
    assert ledger.rows(
        "SELECT verb, reason, actor FROM bursar.transaction WHERE id = %s",
        outcome["transaction_id"],
    ) == [("spend", "used", f"user:{user}")]
    assert done(use(ledger, user, amount=2))["balance"] == 0
    assert unclean(ledger) == []


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    stranger = {"role": "authenticated", "sub": new_user()}
    status = {"owner_id": user, "asset": "streak_shield"}

    assert code(use(ledger, user, amount=0, caller=stranger)) == "NOT_AUTHORIZED"
    assert code(use(ledger, user, amount=0, asset="nothing")) == "MALFORMED"
    done(use(ledger, user, key="k"))
    assert code(use(ledger, user, key="k", amount=2)) == "IDEMPOTENCY_MISMATCH"
    assert code(use(ledger, user, asset="nothing")) == "ASSET_NOT_FOUND"
    assert code(use(ledger, new_user())) == "INSUFFICIENT_FUNDS"
    done(ledger.one("freeze", **status, wallet_status="frozen"))
    assert code(use(ledger, user)) == "WALLET_FROZEN"
    done(ledger.one("freeze", **status, wallet_status="closed"))
    assert code(use(ledger, user)) == "WALLET_CLOSED"
    done(ledger.one("freeze", **status, wallet_status="open"))
    assert code(use(ledger, user)) == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1", True, None, {}, 10**16])
def test_a_wrong_amount_is_refused(ledger: Ledger, amount: object) -> None:
    user = claimed(ledger).user_id

    outcome = use(ledger, user, amount=amount)

    assert code(outcome) == "MALFORMED"
    assert outcome["details"] == {"field": "amount"}
    assert wallet(ledger, user)[0] == 1


@pytest.mark.parametrize(
    "caller",
    [
        None,
        {},
        {"role": "anon"},
        {"role": "authenticated"},
        {"role": "authenticated", "sub": None},
        {"role": "authenticated", "sub": "somebody"},
        "service_role",
        [SERVICE],
    ],
)
def test_nobody_uses_what_somebody_else_has(ledger: Ledger, caller: object) -> None:
    user = claimed(ledger).user_id
    good = {"user_id": user, "caller": {"role": "authenticated", "sub": user}}

    outcomes = ledger.ask("use_item", [{"user_id": user, "caller": caller}, good, 5, good])

    assert [o.get("code", "done") for o in outcomes] == [
        "NOT_AUTHORIZED",
        "done",
        "NOT_AUTHORIZED",
        "INSUFFICIENT_FUNDS",
    ]
    assert wallet(ledger, user)[0] == 0


def test_the_same_key_uses_once_and_a_last_shield_is_used_once(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    request = {"user_id": user, "caller": SERVICE}

    outcomes = insisted_at_once(ledger, "use_item", [request | {"key": f"k{n}"} for n in range(8)])
    again = insisted_at_once(ledger, "use_item", [request | {"key": f"k{n}"} for n in range(8)])

    assert sorted(o.get("code", "done") for o in outcomes) == ["INSUFFICIENT_FUNDS"] * 7 + ["done"]
    assert [o.get("code") for o in again] == [o.get("code") for o in outcomes]
    assert wallet(ledger, user)[0] == 0
    assert unclean(ledger) == []
