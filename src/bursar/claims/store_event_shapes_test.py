"""Shapes of store events: which are malformed, and which are kept though nobody knows them."""

from typing import Any

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import Sale
from tests.shop import claim, kept, purchase_of, sold, take

pytestmark = pytest.mark.postgres_versions("15", "18")


def without(event: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in fields}


@pytest.mark.parametrize(
    "kind", ["TEST", "BILLING_ISSUE", "SUBSCRIPTION_EXTENDED", "VIRTUAL_CURRENCY_TRANSACTION", "X"]
)
def test_types_of_no_consequence_are_kept_and_change_nothing(ledger: Ledger, kind: str) -> None:
    sale = sold(ledger)
    before = purchase_of(ledger, sale.tx_id)
    fields = ("product_id", "app_user_id", "aliases", "transaction_id")

    for n in (0, 3, 4):
        event = without(sale.event(kind, 9999), *fields[:n])
        outcome = done(take(ledger, event))
        assert (outcome["effect"], outcome["tx_id"]) == ("ignored", None)
        assert kept(ledger, event["id"]) == ("done", 1)
    done(take(ledger, sale.purchase()))

    assert purchase_of(ledger, sale.tx_id) == before


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"id": None}, "event.id"),
        ({"id": ""}, "event.id"),
        ({"id": 5}, "event.id"),
        ({"id": "e" * 256}, "event.id"),
        ({"type": None}, "event.type"),
        ({"type": ["TEST"]}, "event.type"),
        ({"event_timestamp_ms": None}, "event.event_timestamp_ms"),
        ({"event_timestamp_ms": "1780000000000"}, "event.event_timestamp_ms"),
        ({"event_timestamp_ms": 1.5}, "event.event_timestamp_ms"),
        ({"event_timestamp_ms": -1}, "event.event_timestamp_ms"),
        ({"event_timestamp_ms": 10**20}, "event.event_timestamp_ms"),
        ({"transaction_id": ""}, "event.transaction_id"),
        ({"transaction_id": {"a": 1}}, "event.transaction_id"),
        ({"transaction_id": "t" * 201}, "event.transaction_id"),
        ({"app_user_id": None}, "event.app_user_id"),
        ({"app_user_id": "system:external"}, "event.app_user_id"),
        ({"app_user_id": 5}, "event.app_user_id"),
        ({"product_id": None}, "event.product_id"),
        ({"product_id": {}}, "event.product_id"),
    ],
)
def test_a_malformed_event_is_refused_by_name_and_its_neighbour_taken(
    ledger: Ledger, fields: dict[str, Any], wrong: str
) -> None:
    sale = Sale()
    outcomes = ledger.ask(
        "take_store_event",
        [{"event": Sale().purchase(**fields)}, {"event": sale.purchase()}],
    )

    assert code(outcomes[0]) == "MALFORMED"
    assert outcomes[0]["details"] == {"field": wrong}
    assert done(outcomes[1])["effect"] == "applied"


@pytest.mark.parametrize("event", [None, 5, "event", [], {}])
def test_what_is_no_event_is_refused(ledger: Ledger, event: Any) -> None:
    assert code(take(ledger, event)) == "MALFORMED"


def test_odd_fields_that_say_nothing_here_do_no_harm(ledger: Ledger) -> None:
    sale = Sale()
    event = sale.purchase(aliases="ada", purchased_at_ms="yesterday", original_app_user_id=None)
    event = without(event, "store", "environment", "app_id") | {"new_field": {"a": [None]}}

    assert done(take(ledger, event))["tx_id"] == sale.tx_id
    done(claim(ledger, sale))
