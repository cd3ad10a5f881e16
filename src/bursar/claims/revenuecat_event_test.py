"""What the door takes for an event of RevenueCat, the database takes as well."""

import json
from typing import Any

import pytest

from bursar.claims.revenuecat_event import EventRefused, read_event
from tests.ledger_in_sql import Ledger, done
from tests.sale import Event, Sale
from tests.shop import kept, take


def body(event: Event) -> bytes:
    return json.dumps({"event": event}).encode()


@pytest.mark.parametrize("user_id", [" ann", "ann ", "system:external", " ", "", "u" * 256, "ü"])
def test_who_cannot_own_anything_is_refused_at_the_door(user_id: str) -> None:
    with pytest.raises(EventRefused, match="app_user_id"):
        read_event(body(Sale().purchase(app_user_id=user_id)))


@pytest.mark.parametrize("transaction_id", ["", 5, {"a": 1}, "t" * 201, "ü"])
@pytest.mark.parametrize("kind", ["TEST", "TRANSFER", "INVENTED_YESTERDAY"])
def test_what_tells_of_no_purchase_may_name_any_transaction(
    ledger: Ledger, kind: str, transaction_id: Any
) -> None:
    sent = Sale().event(kind, transaction_id=transaction_id, app_user_id=" ann")

    event = read_event(body(sent))

    assert done(take(ledger, event))["effect"] == "ignored"
    assert kept(ledger, event["id"]) == ("done", 1)
