"""Which claims are refused, for what reason first, and who may claim at all."""

import uuid

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, Sale, new_tx, new_user
from tests.shop import (
    SERVICE,
    cap,
    claim,
    claimed,
    claims_of,
    new_booster,
    new_item,
    request_of,
    sold,
    switched,
    take,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    booster = new_booster(ledger.admin, "reject")
    cap(ledger.admin, booster, "month", 1)
    user, stranger = new_user(), new_user()
    signed_in = {"role": "authenticated", "sub": stranger}
    claimed(ledger, user, booster)
    sale = sold(ledger, user, booster)
    refunded = sold(ledger, user, booster)
    done(take(ledger, refunded.refund()))
    unknown = Sale(user, booster)

    with switched(ledger, sku_enabled={}):
        assert code(claim(ledger, sale, sku=None, caller=signed_in)) == "MALFORMED"
        assert code(claim(ledger, sale, caller=signed_in)) == "NOT_AUTHORIZED"
        assert code(claim(ledger, refunded, stranger)) == "TRANSACTION_OWNED_BY_OTHER"
        assert code(claim(ledger, refunded)) == "TRANSACTION_REFUNDED"
        assert code(claim(ledger, sale)) == "SKU_DISABLED"
        assert code(claim(ledger, unknown)) == "SKU_DISABLED"
    assert code(claim(ledger, unknown)) == "UNKNOWN_TRANSACTION"
    assert claim(ledger, sale, sku=BOOSTER)["details"] == {"field": "sku"}
    active = claim(ledger, sale)
    assert code(active) == "BOOSTER_ACTIVE"
    assert active["details"]["until"] is not None
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET xp_booster_until = NULL WHERE user_id = %s", [user]
    )
    assert code(claim(ledger, sale)) == "CAP_EXCEEDED"


def test_who_cannot_have_an_item_cannot_claim_it(ledger: Ledger) -> None:
    """Credits belong to users whose ids are uuids; a claim by another must not fail the batch."""
    item = new_item(ledger.admin, 5, asset="credit")
    stranger, buyer = sold(ledger, sku=item), sold(ledger, str(uuid.uuid4()), item)
    thief = request_of(buyer, new_user(), accepted=True)
    requests = [request_of(stranger), thief, request_of(buyer)]

    outcomes = ledger.ask("claim_purchase", requests)

    assert [one.get("code", "done") for one in outcomes] == ["MALFORMED", "MALFORMED", "done"]
    assert outcomes[0]["details"] == {"field": "user_id"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("user_id", [None, "", " x", 5, {}, [], "system:external", "ü", "u" * 256]),
        ("sku", [None, "", 5, {}, [], "ü", "s" * 201]),
        ("tx_id", [None, "", 5, {}, [], "ü", "t" * 256]),
        ("store", ["", 5, {}, "ü", "s" * 51]),
        ("environment", ["", 5, {}, "sandbox", "PROD"]),
        ("override_reason", ["", 5, {}, "r" * 501]),
        ("actor", ["", 5, {}, "ü", "a" * 256]),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbour_claims(
    ledger: Ledger, field: str, values: list[object]
) -> None:
    sale = sold(ledger)

    outcomes = ledger.ask(
        "claim_purchase",
        [*(request_of(sale) | {field: value} for value in values), 5, request_of(sale)],
    )

    for outcome in outcomes[:-2]:
        assert code(outcome) == "MALFORMED", outcome
        assert outcome["details"] == {"field": field}
    assert code(outcomes[-2]) == "MALFORMED"
    assert done(outcomes[-1])["wallet"]["streakshield_count"] == 1


@pytest.mark.parametrize(
    "caller",
    [
        None,
        {},
        {"role": "anon"},
        {"role": "authenticated"},
        {"role": "authenticated", "sub": None},
        {"role": "authenticated", "sub": "somebody"},
        {"sub": "somebody"},
        {"role": ["service_role"]},
        "service_role",
        [SERVICE],
    ],
)
def test_nobody_claims_for_somebody_else(ledger: Ledger, caller: object) -> None:
    sale = sold(ledger)

    assert code(claim(ledger, sale, caller=caller)) == "NOT_AUTHORIZED"
    assert claims_of(ledger, sale.tx_id) == []


def test_a_signed_in_user_claims_but_does_not_override(ledger: Ledger) -> None:
    sale = sold(ledger)
    caller = {"role": "authenticated", "sub": sale.user_id}

    assert code(claim(ledger, sale, caller=caller, override_reason="me")) == "NOT_AUTHORIZED"
    done(claim(ledger, sale, caller=caller, actor=f"user:{sale.user_id}"))
    assert claims_of(ledger, sale.tx_id)[0][-2] == f"user:{sale.user_id}"


def test_roles_other_than_the_service_cannot_call_it(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        caller = ledger.database.connect(role, new_tx())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute("SELECT bursar.claim_purchase('[{}]')")
