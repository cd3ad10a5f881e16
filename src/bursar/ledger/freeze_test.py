"""Frozen, closed and open again."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def set_status(ledger: Ledger, owner: str, status: str) -> dict[str, object]:
    return ledger.one("freeze", owner_id=owner, asset="credit", wallet_status=status)


def test_a_status_is_set_journaled_and_read(ledger: Ledger) -> None:
    owner = ledger.funded(5)

    outcome = set_status(ledger, owner, "frozen")

    assert (outcome["status"], outcome["wallet_status"], outcome["amount"]) == ("done", "frozen", 0)
    assert ledger.value("SELECT bursar.read_wallet(%s, 'credit') ->> 'status'", owner) == "frozen"
    assert ledger.rows(
        "SELECT verb, amount FROM bursar.transaction WHERE owner_id = %s ORDER BY id", owner
    ) == [("grant", 5), ("freeze", 0)]


def test_a_wallet_goes_on_after_it_was_opened_again(ledger: Ledger) -> None:
    owner = ledger.funded(5)

    outcomes = ledger.ask(
        "batch",
        [
            {"verb": "freeze", "owner_id": owner, "asset": "credit", "wallet_status": "frozen"},
            {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 1},
            {"verb": "freeze", "owner_id": owner, "asset": "credit", "wallet_status": "open"},
            {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 1},
        ],
    )

    assert [o.get("code", o.get("balance")) for o in outcomes] == [5, "WALLET_FROZEN", 5, 4]


@pytest.mark.parametrize("left", ["balance", "debt", "hold"])
def test_only_an_empty_wallet_can_be_closed(ledger: Ledger, left: str) -> None:
    owner = ledger.funded(5)
    if left == "hold":
        done(ledger.one("hold", owner_id=owner, asset="credit", amount=5))
    if left == "debt":
        done(ledger.one("adjust", owner_id=owner, asset="credit", amount=-6, shortfall="debt"))

    assert code(set_status(ledger, owner, "closed")) == "WALLET_NOT_EMPTY"


def test_a_closed_wallet_neither_pays_nor_receives(ledger: Ledger) -> None:
    owner, other = ledger.funded(5), ledger.funded(5)
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=5))
    done(set_status(ledger, owner, "closed"))
    mine = {"owner_id": owner, "asset": "credit", "amount": 1}

    outcomes = ledger.ask(
        "batch",
        [
            {"verb": "grant", **mine},
            {"verb": "spend", **mine},
            {"verb": "hold", **mine},
            {"verb": "adjust", **mine},
            {"verb": "adjust", **mine, "amount": -1, "shortfall": "debt"},
            {"verb": "transfer", **mine, "to_owner_id": other},
            {"verb": "transfer", **mine, "owner_id": other, "to_owner_id": owner},
        ],
    )

    assert {code(outcome) for outcome in outcomes} == {"WALLET_CLOSED"}
    assert ledger.wallet(owner) == (0, 0, 0)


def test_a_wallet_that_is_not_there_cannot_be_frozen(ledger: Ledger) -> None:
    assert code(set_status(ledger, str(uuid.uuid4()), "frozen")) == "WALLET_NOT_FOUND"
    assert (
        code(ledger.one("freeze", owner_id="a", asset="gold", wallet_status="open"))
        == "ASSET_NOT_FOUND"
    )


def test_a_wallet_that_the_batch_opens_later_is_not_there_yet(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())
    freeze = {"verb": "freeze", "owner_id": owner, "asset": "credit", "wallet_status": "frozen"}

    outcomes = ledger.ask(
        "batch",
        [freeze, {"verb": "grant", "owner_id": owner, "asset": "credit", "amount": 5}, freeze],
    )

    assert [o.get("code", o.get("balance")) for o in outcomes] == ["WALLET_NOT_FOUND", 5, 5]


@pytest.mark.parametrize("verb", ["grant", "adjust", "spend", "transfer", "hold"])
def test_no_other_verb_sets_a_status(ledger: Ledger, verb: str) -> None:
    owner = ledger.funded(5)
    to = {"to_owner_id": str(uuid.uuid4())} if verb == "transfer" else {}

    refused = ledger.one(
        verb, owner_id=owner, asset="credit", amount=1, wallet_status="frozen", **to
    )

    assert refused["details"] == {"field": "wallet_status"}
    assert ledger.value("SELECT bursar.read_wallet(%s, 'credit') ->> 'status'", owner) == "open"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
