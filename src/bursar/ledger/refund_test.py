"""A refund takes a charge back, in parts too, and never more than was charged."""

import uuid

import pytest

from tests.at_once import asked_at_once
from tests.ledger_in_sql import Ledger, code, done
from tests.market import ASSET, Payment, buy, checkout, lead, leads, new_id, take

pytestmark = pytest.mark.postgres_versions("15", "18")


def charged(ledger: Ledger, verb: str, amount: int = 6) -> tuple[str, str, int]:
    """Payer, payee and transaction of a charge of a new owner with 10."""
    payer, payee = ledger.funded(10), str(uuid.uuid4())
    if verb == "capture":
        hold_id = done(ledger.one("hold", owner_id=payer, asset="credit", amount=amount))["hold_id"]
        outcome = ledger.one("capture", hold_id=hold_id, to_owner_id=payee)
    else:
        to = {"to_owner_id": payee} if verb == "transfer" else {}
        outcome = ledger.one(verb, owner_id=payer, asset="credit", amount=amount, **to)
    return payer, payee, done(outcome)["transaction_id"]


@pytest.mark.parametrize("verb", ["spend", "transfer", "capture"])
def test_the_payer_gets_back_what_the_payee_gives(ledger: Ledger, verb: str) -> None:
    payer, payee, charge = charged(ledger, verb)

    outcome = done(ledger.one("refund", transaction_id=charge))

    assert (outcome["owner_id"], outcome["amount"], outcome["balance"]) == (payer, 6, 10)
    assert outcome["corrects"] == charge
    other = "system:revenue" if verb == "spend" else payee
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", payer, 6, "refund"),
        ("credit", other, -6, "refund"),
    ]
    assert ledger.wallet(payee) == (0, 0, 0)


def test_a_refunded_grant_goes_back_to_where_it_came_from(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())
    grant = done(
        ledger.one(
            "grant",
            owner_id=owner,
            asset="credit",
            amount=6,
            external={"provider": "p", "account": "a", "mode": "live", "id": owner},
        )
    )
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=4))

    outcome = done(ledger.one("refund", transaction_id=grant["transaction_id"]))

    assert (outcome["balance"], outcome["owed"]) == (0, 4)
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", owner, -2, "refund"),
        ("credit", "system:debt", -4, "debt"),
        ("credit:owed", owner, 4, "debt"),
        ("credit:owed", "system:debt", -4, "debt"),
        ("credit", "system:external", 6, "refund"),
    ]


def test_what_the_payee_no_longer_has_becomes_debt_and_holds_are_kept(ledger: Ledger) -> None:
    payer, payee, charge = charged(ledger, "transfer")
    done(ledger.one("hold", owner_id=payee, asset="credit", amount=5))

    done(ledger.one("refund", transaction_id=charge))

    assert ledger.wallet(payer) == (10, 0, 0)
    assert ledger.wallet(payee) == (5, 5, 5)


def test_a_payee_who_repaid_debt_with_it_gives_it_back(ledger: Ledger) -> None:
    payer, payee = ledger.funded(10), ledger.funded(1)
    done(ledger.one("adjust", owner_id=payee, asset="credit", amount=-8, shortfall="debt"))
    charge = done(
        ledger.one("transfer", owner_id=payer, to_owner_id=payee, asset="credit", amount=10)
    )
    assert ledger.wallet(payee) == (3, 0, 0)

    done(ledger.one("refund", transaction_id=charge["transaction_id"]))

    assert ledger.wallet(payee) == (0, 0, 7)
    assert ledger.wallet(payer) == (10, 0, 0)


def test_parts_add_up_and_never_exceed_the_charge(ledger: Ledger) -> None:
    payer, _, charge = charged(ledger, "transfer")

    outcomes = ledger.ask(
        "refund", [{"transaction_id": charge, "amount": amount} for amount in (2, 5, 3, 2, 1)]
    )
    rest = ledger.one("refund", transaction_id=charge)

    assert [o.get("code", o.get("balance")) for o in outcomes] == [
        6,
        "REFUND_EXCEEDED",
        9,
        "REFUND_EXCEEDED",
        10,
    ]
    assert code(rest) == "REFUND_EXCEEDED"
    assert rest["details"] == {"transaction_id": charge, "charged": 6, "refunded": 6}
    assert ledger.wallet(payer) == (10, 0, 0)


def test_the_rest_of_a_charge_is_what_other_refunds_left(ledger: Ledger) -> None:
    payer, _, charge = charged(ledger, "spend")
    done(ledger.one("refund", transaction_id=charge, amount=2))

    assert done(ledger.one("refund", transaction_id=charge))["amount"] == 4
    assert ledger.wallet(payer) == (10, 0, 0)


def test_refunds_at_once_never_exceed_the_charge(ledger: Ledger) -> None:
    payer, payee, charge = charged(ledger, "transfer")

    outcomes = asked_at_once(ledger, "refund", [{"transaction_id": charge, "amount": 4}] * 8)

    assert sorted(o.get("code", "done") for o in outcomes) == ["REFUND_EXCEEDED"] * 7 + ["done"]
    assert (ledger.wallet(payer), ledger.wallet(payee)) == ((8, 0, 0), (2, 0, 0))


def test_what_charged_nothing_cannot_be_refunded(ledger: Ledger) -> None:
    owner, _, charge = charged(ledger, "spend")
    made = [
        ledger.one("refund", transaction_id=charge, amount=1),
        ledger.one("adjust", owner_id=owner, asset="credit", amount=-1),
        ledger.one("hold", owner_id=owner, asset="credit", amount=1),
        ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="open"),
    ]

    for outcome in made:
        assert (
            code(ledger.one("refund", transaction_id=done(outcome)["transaction_id"]))
            == "NOT_REFUNDABLE"
        )
    assert code(ledger.one("refund", transaction_id=10**12)) == "TRANSACTION_NOT_FOUND"


def test_what_a_card_has_paid_is_not_refunded_by_hand(ledger: Ledger) -> None:
    """Payouts, top-ups, their reversals and reinstatements follow the events of their payment."""
    seller = ledger.funded(1, ASSET)
    done(ledger.one("adjust", owner_id=seller, asset=ASSET, amount=-3, shortfall="debt"))
    sold = checkout(ledger, new_id(), [lead(ledger.admin, 60, seller=seller)])
    top_up = done(ledger.one("open_top_up", workspace_id=seller, credits=50))
    bought = Payment(top_up["payment_id"], top_up["amount"])
    for event in (
        sold.completed(),  # which repays the seller's debt
        bought.completed(),
        sold.dispute("funds_withdrawn", 30),
        sold.dispute("funds_reinstated"),
    ):
        done(take(ledger, event))
    made = ledger.rows(
        "SELECT id, verb FROM bursar.transaction WHERE owner_id = %s"
        " AND verb ~ 'stripe|card|top_up' ORDER BY id",
        seller,
    )

    outcomes = ledger.ask("refund", [{"transaction_id": made_id} for made_id, _ in made])

    assert [verb for _, verb in made] == [
        "complete_stripe_lead_purchase",
        "top_up_workspace_credits",
        "reverse_card_payment",
        "reinstate_card_payment",
    ]
    assert [code(outcome) for outcome in outcomes] == ["NOT_REFUNDABLE"] * 4


def test_a_cart_is_a_charge_and_can_be_refunded(ledger: Ledger) -> None:
    buyer = ledger.funded(100, ASSET)
    bought = done(buy(ledger, buyer, leads(ledger.admin, [30, 20])))

    done(ledger.one("refund", transaction_id=bought["transaction_id"], amount=15))

    assert ledger.wallet(buyer, ASSET)[0] == 65


def test_frozen_wallets_give_back_and_closed_ones_refuse(ledger: Ledger) -> None:
    _, payee, charge = charged(ledger, "transfer")
    done(ledger.one("freeze", owner_id=payee, asset="credit", wallet_status="frozen"))
    done(ledger.one("refund", transaction_id=charge, amount=6 - 1))
    done(ledger.one("adjust", owner_id=payee, asset="credit", amount=-1, shortfall="debt"))
    done(ledger.one("freeze", owner_id=payee, asset="credit", wallet_status="closed"))

    assert code(ledger.one("refund", transaction_id=charge, amount=2)) == "REFUND_EXCEEDED"
    assert code(ledger.one("refund", transaction_id=charge, amount=1)) == "WALLET_CLOSED"


def test_no_bucket_of_a_caller_hides_the_payee_from_a_refund(ledger: Ledger) -> None:
    payer, payee = ledger.funded(10), str(uuid.uuid4())
    transfer = {"owner_id": payer, "to_owner_id": payee, "asset": "credit", "amount": 6}

    assert code(ledger.one("transfer", **transfer, bucket="debt")) == "MALFORMED"
    charge = done(ledger.one("transfer", **transfer, bucket="refund"))
    done(ledger.one("refund", transaction_id=charge["transaction_id"]))

    assert (ledger.wallet(payer), ledger.wallet(payee)) == ((10, 0, 0), (0, 0, 0))


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
