"""Carts as callers write them: what can be read, what is refused by the name of its field."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import ASSET, buy, items_of, lead, leads, reserve

pytestmark = pytest.mark.postgres_versions("15", "18")

BUY, RESERVE = "complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"
SOME = str(uuid.uuid4())
PRICES: tuple[object, ...] = (0, -1, 1.5, "60", True, 10**15 + 1, {}, [1])


@pytest.mark.parametrize("verb", [BUY, RESERVE])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("buyer_workspace_id", [None, "", "x", 5, {}, [], SOME + "0", "{" + SOME + "}"]),
        (
            "lead_ids",
            [
                None,
                [],
                {},
                SOME,
                5,
                ["x"],
                [SOME, None],
                [SOME, 5],
                [[SOME]],
                [SOME, SOME],
                [SOME, SOME.upper()],
                [SOME.replace("-", "")],
                [str(uuid.uuid4()) for _ in range(501)],
            ],
        ),
        (
            "expected_prices",
            [[], 5, "x", {"x": 1}, *({SOME: price} for price in PRICES)],
        ),
        ("allow_partial", ["true", 1, {}]),
        ("reserve_seconds", [59, 172_801, 60.5, "60", True, {}]),
        ("mode", ["", "LIVE", 5, {}]),
        ("key", ["", "k" * 256, "ü", 5, {}]),
        ("principal", ["root", 5]),
        ("actor", ["", "ü", 5, {}, "a" * 256]),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbour_is_served(
    ledger: Ledger, verb: str, field: str, values: list[object]
) -> None:
    buyer = ledger.funded(100, ASSET)
    good = {"buyer_workspace_id": buyer, "lead_ids": leads(ledger.admin, [1, 2])}

    outcomes = ledger.ask(verb, [*(good | {field: value} for value in values), 5, [], None, good])

    for outcome in outcomes[: len(values)]:
        assert code(outcome) == "MALFORMED"
        assert outcome["details"] == {"field": field}
    for outcome in outcomes[len(values) : -1]:
        assert code(outcome) == "MALFORMED"
    assert len(done(outcomes[-1])["items"]) == 2


def test_whatever_is_null_is_as_if_it_were_not_said(ledger: Ledger) -> None:
    buyer, [lead_id] = ledger.funded(100, ASSET), leads(ledger.admin, [1])
    said: dict[str, object] = dict.fromkeys(
        ("allow_partial", "reserve_seconds", "mode", "key", "principal", "actor")
    )

    done(buy(ledger, buyer, [lead_id], expected_prices={lead_id: None}, **said))


def test_ids_in_capitals_are_the_same_ids(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [1, 2])
    spelled = [lead_id.upper() for lead_id in reversed(cart)]

    first = done(buy(ledger, buyer.upper(), spelled, key="k"))

    assert [item["lead_id"] for item in first["items"]] == sorted(cart)
    assert first["owner_id"] == buyer
    assert buy(ledger, buyer, cart, key="k") == first | {"replayed": True}


@pytest.mark.parametrize("verb", [BUY, RESERVE])
def test_what_makes_the_effect_makes_the_request(ledger: Ledger, verb: str) -> None:
    """The same request in other words is the same; with another effect it is another."""
    buyer, lead_id = ledger.funded(100, ASSET), lead(ledger.admin, 7)
    asked = {
        "buyer_workspace_id": buyer,
        "lead_ids": [lead_id],
        "expected_prices": {lead_id: 7},
        "key": "k",
    }
    first = done(ledger.one(verb, **asked))

    for same in (
        {"expected_prices": {lead_id.upper(): 7}},
        {"allow_partial": False},
        {"mode": "test"},
        {"actor": "user:ada"},
    ):
        assert ledger.one(verb, **asked | same) == first | {"replayed": True}, same
    for other in (
        {"lead_ids": leads(ledger.admin, [7])},
        {"expected_prices": {lead_id: 8}},
        {"expected_prices": None},
        {"allow_partial": True},
        {"mode": "live"},
        {"reserve_seconds": 60},
    ):
        assert code(ledger.one(verb, **asked | other)) == "IDEMPOTENCY_MISMATCH", other


def test_five_hundred_leads_are_reserved_and_then_bought_in_one_cart(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(500, ASSET), leads(ledger.admin, [1] * 500)

    reserved = done(reserve(ledger, buyer, cart))
    bought = done(buy(ledger, buyer, cart))

    assert [len(outcome["items"]) for outcome in (reserved, bought)] == [500, 500]
    assert bought["balance"] == 0
    assert set(items_of(ledger, reserved["purchase_id"]).values()) == {"released"}
    assert set(items_of(ledger, bought["purchase_id"]).values()) == {"sold"}


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
