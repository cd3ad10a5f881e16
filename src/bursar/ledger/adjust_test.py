"""An adjustment corrects a wallet, up or down, into debt only where that is said."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_up_and_down(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    up, down = ledger.ask(
        "adjust",
        [
            {"owner_id": owner, "asset": "credit", "amount": 5, "actor": "operator:bob"},
            {"owner_id": owner, "asset": "credit", "amount": -15, "reason": "counted twice"},
        ],
    )

    assert (up["amount"], up["balance"], down["amount"], down["balance"]) == (5, 15, -15, 0)
    assert ledger.entries(down["transaction_id"]) == [
        ("credit", owner, -15, "adjusted"),
        ("credit", "system:adjustment", 15, "adjusted"),
    ]
    found = ledger.value("SELECT bursar.read_transaction(%s)", up["transaction_id"])
    assert (found["actor"], found["reason"]) == ("operator:bob", "adjust")


@pytest.mark.parametrize("policy", [{}, {"shortfall": "refuse"}])
def test_down_beyond_what_is_available_is_refused(ledger: Ledger, policy: dict[str, str]) -> None:
    owner = ledger.funded(10)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=4))

    assert (
        code(ledger.one("adjust", owner_id=owner, asset="credit", amount=-7, **policy))
        == "INSUFFICIENT_FUNDS"
    )
    assert (
        done(ledger.one("adjust", owner_id=owner, asset="credit", amount=-6, **policy))["available"]
        == 0
    )


def test_a_shortfall_becomes_debt_and_what_is_held_stays(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=4))

    outcome = done(
        ledger.one("adjust", owner_id=owner, asset="credit", amount=-9, shortfall="debt")
    )

    assert (outcome["balance"], outcome["held"], outcome["owed"]) == (4, 4, 3)
    assert ledger.wallet(owner) == (4, 4, 3)


def test_somebody_without_a_wallet_may_owe(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())

    first, second = ledger.ask(
        "adjust",
        [
            {"owner_id": owner, "asset": "credit", "amount": -5, "shortfall": "debt"},
            {"owner_id": owner, "asset": "credit", "amount": 7},
        ],
    )

    assert (first["balance"], first["owed"]) == (0, 5)
    assert (second["amount"], second["balance"]) == (7, 2)
    assert ledger.wallet(owner) == (2, 0, 0)


def test_a_frozen_wallet_pays_only_into_debt(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="frozen"))
    down = {"owner_id": owner, "asset": "credit", "amount": -3}

    assert code(ledger.one("adjust", **down)) == "WALLET_FROZEN"
    assert done(ledger.one("adjust", **down, shortfall="debt"))["balance"] == 7


def test_debts_have_a_limit_and_reaching_it_is_a_refusal(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())
    down = {"owner_id": owner, "asset": "credit", "amount": -(10**15), "shortfall": "debt"}

    outcomes = ledger.ask("adjust", [down] * 1000)
    beyond = ledger.ask("adjust", [down, down | {"amount": 1}])

    assert outcomes[-1]["owed"] == 10**18
    assert code(beyond[0]) == "BALANCE_LIMIT"
    assert done(beyond[1])["owed"] == 10**18 - 1


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
