"""A hold sets an amount aside until it is captured, released or lapses."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(autouse=True)
def stopped(ledger: Ledger) -> None:
    ledger.stop_clock()


def test_a_hold_moves_nothing_and_leaves_less_available(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    outcome = done(ledger.one("hold", owner_id=owner, asset="credit", amount=4))

    assert (outcome["balance"], outcome["held"], outcome["available"]) == (10, 4, 6)
    assert ledger.entries(outcome["transaction_id"]) == []
    found = ledger.value("SELECT bursar.read_hold(%s)", outcome["hold_id"])
    assert (found["status"], found["left"], found["lapsed"]) == ("open", 4, False)


def test_of_twenty_holds_of_75_against_500_six_succeed(ledger: Ledger) -> None:
    owner = ledger.funded(500)

    outcomes = ledger.ask("hold", [{"owner_id": owner, "asset": "credit", "amount": 75}] * 20)

    assert [o["status"] for o in outcomes] == ["done"] * 6 + ["refused"] * 14
    assert {code(outcome) for outcome in outcomes[6:]} == {"INSUFFICIENT_FUNDS"}
    assert ledger.wallet(owner) == (500, 450, 0)


@pytest.mark.parametrize(("seconds", "given"), [(3600, {}), (60, {"expires_in_seconds": 60})])
def test_a_hold_lapses_to_the_second(
    ledger: Ledger, seconds: int, given: dict[str, object]
) -> None:
    owner = ledger.funded(10)
    hold_id = done(ledger.one("hold", owner_id=owner, asset="credit", amount=4, **given))["hold_id"]
    ledger.advance(seconds - 1)
    assert ledger.value("SELECT bursar.read_hold(%s) -> 'lapsed'", hold_id) is False
    ledger.advance(1)

    assert ledger.value("SELECT bursar.read_hold(%s) -> 'lapsed'", hold_id) is True
    assert code(ledger.one("capture", hold_id=hold_id)) == "HOLD_ENDED"
    assert code(ledger.one("release", hold_id=hold_id)) == "HOLD_ENDED"

    assert ledger.wallet(owner) == (10, 0, 0)
    found = ledger.value("SELECT bursar.read_hold(%s)", hold_id)
    assert (found["status"], found["expired"], found["captured"]) == ("expired", 4, 0)


def test_the_sweeper_expires_what_nobody_touches_and_is_bounded(ledger: Ledger) -> None:
    ledger.value("SELECT bursar.expire_holds()")
    owners = [ledger.funded(10) for _ in range(3)]
    for owner in owners:
        done(ledger.one("hold", owner_id=owner, asset="credit", amount=4, expires_in_seconds=60))
    kept = done(ledger.one("hold", owner_id=owners[0], asset="credit", amount=1))["hold_id"]
    ledger.advance(61)

    assert ledger.value("SELECT bursar.expire_holds(2)") == 2
    assert ledger.value("SELECT bursar.expire_holds()") == 1
    assert ledger.value("SELECT bursar.expire_holds()") == 0

    assert [ledger.wallet(owner) for owner in owners] == [(10, 1, 0), (10, 0, 0), (10, 0, 0)]
    assert ledger.value("SELECT bursar.read_hold(%s) ->> 'status'", kept) == "open"


def test_the_sweeper_leaves_a_busy_wallet_for_the_next_time(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=4, expires_in_seconds=60))
    ledger.advance(61)

    with ledger.held_by_somebody(
        "SELECT FROM public.user_credits WHERE user_id = %s FOR UPDATE", owner
    ):
        assert ledger.value("SELECT bursar.expire_holds()") == 0
    assert ledger.value("SELECT bursar.expire_holds()") == 1


def test_an_expiry_is_a_transaction_of_its_own(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    hold_id = done(ledger.one("hold", owner_id=owner, asset="credit", amount=4))["hold_id"]
    done(ledger.one("capture", hold_id=hold_id, amount=1, final=False))
    ledger.advance(3600)
    ledger.value("SELECT bursar.expire_holds()")

    assert ledger.rows(
        "SELECT verb, amount FROM bursar.transaction WHERE hold_id = %s ORDER BY id", hold_id
    ) == [("hold", 4), ("capture", 1), ("expire", 3)]


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

    assert code(ledger.one("hold", owner_id=owner, asset="credit", amount=5)) == expected


def test_nobody_holds_what_is_not_there(ledger: Ledger) -> None:
    assert (
        code(ledger.one("hold", owner_id=str(uuid.uuid4()), asset="credit", amount=1))
        == "INSUFFICIENT_FUNDS"
    )
    assert (
        code(ledger.one("hold", owner_id=str(uuid.uuid4()), asset="gold", amount=1))
        == "ASSET_NOT_FOUND"
    )


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
