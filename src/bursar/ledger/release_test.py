"""A release gives back what a hold set aside, once."""

import psycopg
import pytest

from tests.at_once import at_once, patient
from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def held(ledger: Ledger) -> tuple[str, int]:
    owner = ledger.funded(10)
    return owner, done(ledger.one("hold", owner_id=owner, asset="credit", amount=6))["hold_id"]


def test_a_release_gives_all_back_and_moves_nothing(ledger: Ledger) -> None:
    owner, hold_id = held(ledger)

    outcome = done(ledger.one("release", hold_id=hold_id))

    assert (outcome["owner_id"], outcome["amount"], outcome["available"]) == (owner, 6, 10)
    assert ledger.entries(outcome["transaction_id"]) == []


def test_parts_add_up_and_never_exceed_the_hold(ledger: Ledger) -> None:
    _, hold_id = held(ledger)

    assert done(ledger.one("release", hold_id=hold_id, amount=2))["held"] == 4
    refused = ledger.one("release", hold_id=hold_id, amount=5)
    assert code(refused) == "HOLD_EXCEEDED"
    assert refused["details"]["left"] == 4
    assert done(ledger.one("release", hold_id=hold_id, amount=4))["held"] == 0
    assert code(ledger.one("release", hold_id=hold_id, amount=5)) == "HOLD_ENDED"
    assert code(ledger.one("release", hold_id=10**12)) == "HOLD_NOT_FOUND"


@pytest.mark.parametrize("policy", ["cap", "overdraft"])
def test_a_release_has_no_over_run(ledger: Ledger, policy: str) -> None:
    owner, hold_id = held(ledger)

    assert code(ledger.one("release", hold_id=hold_id, amount=9, over_run=policy)) == "MALFORMED"
    assert ledger.wallet(owner) == (10, 6, 0)


def test_a_frozen_wallet_gets_its_hold_back(ledger: Ledger) -> None:
    owner, hold_id = held(ledger)
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="frozen"))

    assert done(ledger.one("release", hold_id=hold_id))["held"] == 0


def test_of_captures_and_releases_at_once_exactly_one_ends_the_hold(ledger: Ledger) -> None:
    for _ in range(5):
        owner, hold_id = held(ledger)

        def end(number: int, connection: psycopg.Connection, hold_id: int = hold_id) -> str:
            verb = "capture" if number % 2 else "release"
            outcome = ledger.one(verb, patient(connection), hold_id=hold_id)
            return str(outcome.get("code", "done"))

        ended = at_once(ledger.database, 8, end)

        assert sorted(ended) == ["HOLD_ENDED"] * 7 + ["done"]
        assert ledger.wallet(owner)[1:] == (0, 0)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
