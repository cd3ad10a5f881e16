"""A spend takes what is available and nothing else."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_spend_moves_the_amount_to_revenue(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    outcome = done(ledger.one("spend", owner_id=owner, asset="credit", amount=4, bucket="food"))

    assert (outcome["amount"], outcome["balance"], outcome["available"]) == (4, 6, 6)
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", owner, -4, "food"),
        ("credit", "system:revenue", 4, "food"),
    ]


def test_the_last_unit_can_be_spent_and_one_more_cannot(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    outcomes = ledger.ask(
        "spend",
        [{"owner_id": owner, "asset": "credit", "amount": amount} for amount in (11, 10, 1)],
    )

    assert [code(outcomes[0]), code(outcomes[2])] == ["INSUFFICIENT_FUNDS"] * 2
    assert done(outcomes[1])["balance"] == 0
    assert outcomes[0]["details"] == {
        "owner_id": owner,
        "asset": "credit",
        "available": 10,
        "needed": 11,
    }


def test_what_is_held_cannot_be_spent_until_the_hold_lapses(ledger: Ledger) -> None:
    ledger.stop_clock()
    owner = ledger.funded(10)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=8, expires_in_seconds=60))
    spend = {"owner_id": owner, "asset": "credit", "amount": 5}

    refused = ledger.one("spend", **spend)
    ledger.advance(59)
    early = ledger.one("spend", **spend)
    ledger.advance(1)
    outcome = ledger.one("spend", **spend)

    assert refused["details"]["available"] == 2
    assert code(early) == "INSUFFICIENT_FUNDS"
    assert (done(outcome)["balance"], outcome["held"]) == (5, 0)


def test_a_wallet_that_does_not_exist_has_nothing_and_is_not_made(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())

    assert code(ledger.one("spend", owner_id=owner, asset="credit", amount=1)) == (
        "INSUFFICIENT_FUNDS"
    )
    assert ledger.value("SELECT bursar.read_wallet(%s, 'credit')", owner) is None


def test_a_refused_spend_changes_nothing(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    before = ledger.value("SELECT bursar.explain(%s, 'credit')", owner)

    code(ledger.one("spend", owner_id=owner, asset="credit", amount=11, key="k"))

    assert ledger.value("SELECT bursar.explain(%s, 'credit')", owner) == before


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("frozen", "WALLET_FROZEN"),
        ("closed", "WALLET_CLOSED"),
        ("open", "INSUFFICIENT_FUNDS"),
    ],
)
def test_the_status_is_told_before_the_funds(ledger: Ledger, status: str, expected: str) -> None:
    owner = ledger.funded(1)
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=1))
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status=status))

    assert code(ledger.one("spend", owner_id=owner, asset="credit", amount=5)) == expected


def test_no_field_makes_a_spend_go_into_debt(ledger: Ledger) -> None:
    owner = ledger.funded(1)
    spend = {"owner_id": owner, "asset": "credit", "amount": 5}

    outcomes = ledger.ask(
        "spend",
        [
            spend | {"shortfall": "debt"},
            spend | {"over_run": "overdraft"},
            spend | {"wallet_status": "open"},
            spend | {"hold_id": 1},
            spend | {"transaction_id": 1},
        ],
    )

    assert {code(outcome) for outcome in outcomes} == {"MALFORMED"}
    assert ledger.wallet(owner) == (1, 0, 0)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
