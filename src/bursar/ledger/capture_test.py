"""A capture takes what a hold set aside, in parts too, and beyond it only by policy."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def held(ledger: Ledger, funds: int, amount: int) -> tuple[str, int]:
    owner = ledger.funded(funds)
    outcome = done(ledger.one("hold", owner_id=owner, asset="credit", amount=amount))
    return owner, outcome["hold_id"]


def parts(ledger: Ledger, hold_id: int) -> tuple[str, int, int, int]:
    """Status, captured, released, expired."""
    [row] = ledger.rows(
        "SELECT status, captured, released, expired FROM bursar.hold WHERE id = %s", hold_id
    )
    return (row[0], row[1], row[2], row[3])


def test_a_capture_takes_all_that_is_left(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 4)

    outcome = done(ledger.one("capture", hold_id=hold_id))

    assert outcome["owner_id"] == owner
    assert outcome["hold_id"] == hold_id
    assert (outcome["amount"], outcome["balance"], outcome["held"]) == (4, 6, 0)
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", owner, -4, "used"),
        ("credit", "system:revenue", 4, "used"),
    ]
    assert parts(ledger, hold_id) == ("captured", 4, 0, 0)


def test_a_smaller_capture_releases_the_rest(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 4)

    done(ledger.one("capture", hold_id=hold_id, amount=3))

    assert ledger.wallet(owner) == (7, 0, 0)
    assert parts(ledger, hold_id) == ("captured", 3, 1, 0)


def test_captures_in_parts_end_with_the_last_one(ledger: Ledger) -> None:
    _, hold_id = held(ledger, 10, 9)

    first, second = (
        done(ledger.one("capture", hold_id=hold_id, amount=a, final=False)) for a in (2, 3)
    )
    assert (first["held"], second["held"]) == (7, 4)
    done(ledger.one("release", hold_id=hold_id, amount=1))
    third = done(ledger.one("capture", hold_id=hold_id, final=False))

    assert (third["amount"], third["balance"], third["held"]) == (3, 2, 0)
    assert parts(ledger, hold_id) == ("captured", 8, 1, 0)
    assert code(ledger.one("capture", hold_id=hold_id, amount=1)) == "HOLD_ENDED"


def test_a_payee_may_be_named_and_repays_debt_first(ledger: Ledger) -> None:
    _, hold_id = held(ledger, 10, 9)
    payee = str(uuid.uuid4())
    done(ledger.one("adjust", owner_id=payee, asset="credit", amount=-5, shortfall="debt"))

    done(ledger.one("capture", hold_id=hold_id, to_owner_id=payee))

    assert ledger.wallet(payee) == (4, 0, 0)


@pytest.mark.parametrize(
    ("funds", "policy", "final", "taken", "left"),
    [
        (10, "cap", True, 4, (6, 0, 0)),
        (10, "cap", False, 4, (6, 0, 0)),
        (10, "overdraft", True, 9, (1, 0, 0)),
        (10, "overdraft", False, 9, (1, 0, 0)),
        (6, "overdraft", True, 9, (0, 0, 3)),
        (4, "overdraft", True, 9, (0, 0, 5)),
    ],
)
def test_an_over_run_follows_its_policy(
    ledger: Ledger, funds: int, policy: str, final: bool, taken: int, left: tuple[int, int, int]
) -> None:
    owner, hold_id = held(ledger, funds, 4)

    outcome = done(ledger.one("capture", hold_id=hold_id, amount=9, over_run=policy, final=final))

    assert outcome["amount"] == taken
    assert ledger.wallet(owner) == left
    assert parts(ledger, hold_id) == ("captured", 4, 0, 0)


@pytest.mark.parametrize("policy", [{}, {"over_run": "reject"}])
def test_an_over_run_is_refused_otherwise(ledger: Ledger, policy: dict[str, str]) -> None:
    owner, hold_id = held(ledger, 10, 4)

    refused = ledger.one("capture", hold_id=hold_id, amount=5, **policy)

    assert code(refused) == "HOLD_EXCEEDED"
    assert refused["details"] == {"hold_id": hold_id, "left": 4}
    assert ledger.wallet(owner) == (10, 4, 0)


def test_an_over_run_never_takes_what_other_holds_set_aside(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 4)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=5))

    done(ledger.one("capture", hold_id=hold_id, amount=9, over_run="overdraft"))

    assert ledger.wallet(owner) == (5, 5, 4)


def test_a_frozen_wallet_still_pays_what_it_set_aside(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 4)
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="frozen"))

    assert done(ledger.one("capture", hold_id=hold_id))["balance"] == 6


def test_refusals_are_told_in_their_order(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 4)
    shut = ledger.funded(1)
    done(ledger.one("spend", owner_id=shut, asset="credit", amount=1))
    done(ledger.one("freeze", owner_id=shut, asset="credit", wallet_status="closed"))

    assert code(ledger.one("capture", hold_id=10**12, amount=99)) == "HOLD_NOT_FOUND"
    assert code(ledger.one("capture", hold_id=hold_id, to_owner_id=owner)) == "SELF_TRANSFER"
    assert (
        code(ledger.one("capture", hold_id=hold_id, to_owner_id=shut, amount=5)) == "HOLD_EXCEEDED"
    )
    assert code(ledger.one("capture", hold_id=hold_id, to_owner_id=shut)) == "WALLET_CLOSED"
    assert parts(ledger, hold_id) == ("open", 0, 0, 0)


def test_one_hold_several_times_in_a_batch_is_decided_in_order(ledger: Ledger) -> None:
    owner, hold_id = held(ledger, 10, 6)

    outcomes = ledger.ask(
        "batch",
        [
            {"verb": "capture", "hold_id": hold_id, "amount": 2, "final": False},
            {"verb": "release", "hold_id": hold_id, "amount": 1},
            {"verb": "capture", "hold_id": hold_id, "amount": 4},
            {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 6},
            {"verb": "capture", "hold_id": hold_id, "amount": 3},
            {"verb": "release", "hold_id": hold_id},
        ],
    )

    assert [o.get("code", o.get("available")) for o in outcomes] == [
        4,
        5,
        "HOLD_EXCEEDED",
        "INSUFFICIENT_FUNDS",
        5,
        "HOLD_ENDED",
    ]


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
