"""A top-up that is about to be paid by card: what it costs, and that it grants nothing yet."""

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    Payment,
    configure,
    emptied,
    new_id,
    set_wallet,
    take,
    totals,
)
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

VERB = "open_top_up"


def test_it_notes_what_is_to_be_paid_and_grants_when_it_is(ledger: Ledger) -> None:
    workspace = new_id()
    configure(ledger.admin, card_unit_amount=25, card_currency="eur")

    outcome = done(ledger.one(VERB, workspace_id=workspace.upper(), credits=40, mode="live"))
    configure(ledger.admin, card_unit_amount=1, card_currency="usd")

    payment_id = outcome["payment_id"]
    assert outcome == {
        "status": "done",
        "verb": VERB,
        "payment_id": payment_id,
        "owner_id": workspace,
        "credits": 40,
        "amount": 1000,
        "currency": "eur",
        "replayed": False,
    }
    assert ledger.rows(
        "SELECT workspace_id::text, purchase_id, credits, amount, currency, mode, status"
        " FROM public.card_payments WHERE id = %s",
        payment_id,
    ) == [(workspace, None, 40, 1000, "eur", "live", "pending")]
    assert totals(ledger, workspace) == (0, 0, 0, 0)
    # What was agreed upon holds, whatever a credit costs by now.
    paid = Payment(payment_id, 1000, "eur").completed() | {"livemode": True}
    assert done(take(ledger, paid))["payment_status"] == "paid"
    assert totals(ledger, workspace) == (40, 40, 0, 0)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("workspace_id", [None, "", "x", 5, {}, []]),
        ("credits", [None, 0, -1, 1.5, "5", True, 100_000_000, 10**30, {}]),
        ("mode", ["", "LIVE", 5]),
        ("key", ["", "k" * 256, "ü", 5, {}]),
        ("principal", ["root", 5]),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbours_are_served(
    ledger: Ledger, field: str, values: list[object]
) -> None:
    good = {"workspace_id": new_id(), "credits": 99_999_999}

    outcomes = ledger.ask(VERB, [good, *(good | {field: value} for value in values), 5, [], good])

    for outcome in outcomes[1 : len(values) + 1]:
        assert (code(outcome), outcome["details"]) == ("MALFORMED", {"field": field})
    assert [o["status"] for o in outcomes[len(values) + 1 :]] == ["refused", "refused", "done"]
    assert outcomes[0]["payment_id"] != outcomes[-1]["payment_id"]


def test_what_one_card_pays_bounds_what_a_credit_costs(ledger: Ledger) -> None:
    configure(ledger.admin, card_unit_amount=1_000_000)
    most, more = ledger.ask(
        VERB, [{"workspace_id": new_id(), "credits": amount} for amount in (99, 100)]
    )
    configure(ledger.admin, card_unit_amount=1)

    assert done(most)["amount"] == 99_000_000
    assert code(more) == "MALFORMED"


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    asked = {"workspace_id": new_id(), "credits": 5, "key": "k"}
    done(ledger.one(VERB, **asked))

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert code(ledger.one(VERB, **asked | {"credits": 0})) == "DEGRADED"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(ledger.one(VERB, **asked | {"credits": 0})) == "MALFORMED"
    assert code(ledger.one(VERB, **asked | {"credits": 6})) == "IDEMPOTENCY_MISMATCH"
    assert code(ledger.one(VERB, **asked | {"mode": "live"})) == "IDEMPOTENCY_MISMATCH"


def test_the_same_key_is_one_payment(ledger: Ledger) -> None:
    asked = {"workspace_id": new_id(), "credits": 5, "key": "k"}

    outcomes = ledger.ask(
        VERB, [asked, asked | {"workspace_id": str(asked["workspace_id"]).upper()}]
    )
    before = digest(ledger.admin)

    assert outcomes[1] == done(outcomes[0]) | {"replayed": True}
    assert ledger.one(VERB, **asked) == outcomes[1]
    assert digest(ledger.admin) == before
    others = ledger.ask(
        VERB,
        [asked | {"principal": "user"}, asked | {"workspace_id": new_id()}, asked | {"key": "l"}],
    )
    assert [done(outcome)["replayed"] for outcome in others] == [False] * 3


def test_two_sessions_with_one_key_open_one_payment(ledger: Ledger) -> None:
    asked = {"workspace_id": new_id(), "credits": 5, "key": "k"}
    first, second = (ledger.database.connect("service_role", autocommit=False) for _ in range(2))
    second.execute("SET lock_timeout = '20ms'")
    second.commit()

    outcome = done(ledger.one(VERB, first, **asked))
    assert code(ledger.one(VERB, second, **asked)) == "BUSY"
    first.commit()

    assert ledger.one(VERB, second, **asked) == outcome | {"replayed": True}
    second.commit()


def test_a_closed_wallet_is_told_of_when_the_money_comes(ledger: Ledger) -> None:
    workspace = emptied(ledger)
    set_wallet(ledger, workspace, "closed")
    outcome = done(ledger.one(VERB, workspace_id=workspace, credits=5))
    paid = Payment(outcome["payment_id"], 5).completed()

    assert code(take(ledger, paid)) == "WALLET_CLOSED"
    set_wallet(ledger, workspace, "frozen")
    assert done(take(ledger, paid))["payment_status"] == "paid"
    assert totals(ledger, workspace) == (5, 5, 1, 1)


def test_only_the_service_opens_top_ups(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ledger.database.connect(role, new_id()).execute("SELECT bursar.open_top_up('[{}]')")


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
