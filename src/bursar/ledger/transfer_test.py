"""A transfer moves an amount from one wallet to another, or nothing at all."""

import uuid
from itertools import pairwise

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_the_payee_gets_what_the_payer_gives(ledger: Ledger) -> None:
    payer, payee = ledger.funded(10), str(uuid.uuid4())

    outcome = done(
        ledger.one("transfer", owner_id=payer, to_owner_id=payee, asset="credit", amount=4)
    )

    assert (outcome["owner_id"], outcome["balance"]) == (payer, 6)
    assert ledger.wallet(payee) == (4, 0, 0)
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", payer, -4, "used"),
        ("credit", payee, 4, "earned"),
    ]


def test_a_wallet_cannot_pay_itself_in_either_spelling(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    for same in (owner, owner.upper()):
        assert (
            code(ledger.one("transfer", owner_id=owner, to_owner_id=same, asset="credit", amount=4))
            == "SELF_TRANSFER"
        )
    assert ledger.wallet(owner) == (10, 0, 0)


def test_what_the_payee_owes_is_repaid(ledger: Ledger) -> None:
    payer, payee = ledger.funded(10), ledger.funded(1)
    done(ledger.one("adjust", owner_id=payee, asset="credit", amount=-4, shortfall="debt"))

    done(ledger.one("transfer", owner_id=payer, to_owner_id=payee, asset="credit", amount=5))

    assert ledger.wallet(payee) == (2, 0, 0)


def wallet_of(ledger: Ledger, status: str) -> str:
    owner = ledger.funded(5)
    if status == "closed":
        done(ledger.one("spend", owner_id=owner, asset="credit", amount=5))
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status=status))
    return owner


@pytest.mark.parametrize(
    ("payer", "payee", "amount", "expected"),
    [
        ("open", "frozen", 5, None),
        ("frozen", "open", 5, "WALLET_FROZEN"),
        ("frozen", "open", 6, "WALLET_FROZEN"),
        ("closed", "open", 5, "WALLET_CLOSED"),
        ("open", "closed", 5, "WALLET_CLOSED"),
        ("open", "closed", 6, "WALLET_CLOSED"),
        ("frozen", "closed", 6, "WALLET_CLOSED"),
        ("closed", "frozen", 6, "WALLET_CLOSED"),
        ("open", "open", 6, "INSUFFICIENT_FUNDS"),
    ],
)
def test_of_several_reasons_to_refuse_the_first_is_told(
    ledger: Ledger, payer: str, payee: str, amount: int, expected: str | None
) -> None:
    pays, gets = wallet_of(ledger, payer), wallet_of(ledger, payee)

    outcome = ledger.one("transfer", owner_id=pays, to_owner_id=gets, asset="credit", amount=amount)

    assert outcome.get("code") == expected


def test_a_full_payee_is_told_after_funds(ledger: Ledger) -> None:
    payer, payee = ledger.funded(5), ledger.funded(1)
    ledger.admin.execute(
        "UPDATE public.user_credits SET balance = 10^18 WHERE user_id = %s", [payee]
    )
    transfer = {"owner_id": payer, "to_owner_id": payee, "asset": "credit"}

    assert code(ledger.one("transfer", **transfer, amount=6)) == "INSUFFICIENT_FUNDS"
    assert code(ledger.one("transfer", **transfer, amount=5)) == "BALANCE_LIMIT"
    assert ledger.wallet(payer) == (5, 0, 0)


def test_a_round_of_transfers_in_a_batch_is_funded_by_its_first(ledger: Ledger) -> None:
    first = ledger.funded(7)
    ring = [first, *(str(uuid.uuid4()) for _ in range(9)), first]

    outcomes = ledger.ask(
        "transfer",
        [
            {"owner_id": a, "to_owner_id": b, "asset": "credit", "amount": 7}
            for a, b in pairwise(ring)
        ],
    )

    assert [done(outcome)["balance"] for outcome in outcomes] == [0] * 10
    assert ledger.wallet(first) == (7, 0, 0)


def test_assets_do_not_mix(ledger: Ledger) -> None:
    ledger.register_gem()
    payer = ledger.funded(10)

    assert (
        code(
            ledger.one(
                "transfer", owner_id=payer, to_owner_id=str(uuid.uuid4()), asset="gem", amount=1
            )
        )
        == "INSUFFICIENT_FUNDS"
    )


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
