"""What a refused cart tells of each lead that is in its way."""

from datetime import UTC, datetime, timedelta

from tests.ledger_in_sql import Ledger, code
from tests.market import buy, lead, leads, new_id, reserve


def test_of_a_reserved_lead_it_tells_when_it_may_be_free_again(ledger: Ledger) -> None:
    mine, wanted = lead(ledger.admin, 20), lead(ledger.admin, 60)
    before = datetime.now(UTC)
    reserve(ledger, new_id(), [wanted], reserve_seconds=600)

    outcome = buy(ledger, new_id(), [mine, wanted])

    [conflict] = outcome["details"]["conflicts"]
    until = datetime.fromisoformat(conflict["reserved_until"])
    assert (conflict["lead_id"], conflict["reason"]) == (wanted, "reserved")
    assert timedelta(seconds=590) < until - before < timedelta(seconds=620)


def test_of_several_reservations_it_tells_of_the_first_to_lapse(ledger: Ledger) -> None:
    wanted = lead(ledger.admin, 60, max_sales=2)
    for seconds in (900, 300):
        reserve(ledger, new_id(), [wanted], reserve_seconds=seconds)

    [conflict] = buy(ledger, new_id(), [wanted])["details"]["conflicts"]

    until = datetime.fromisoformat(conflict["reserved_until"])
    assert until - datetime.now(UTC) < timedelta(seconds=310)


def test_of_other_leads_it_tells_no_such_time(ledger: Ledger) -> None:
    one, other = leads(ledger.admin, [10, 20])

    outcome = buy(ledger, new_id(), [one, other], expected_prices={one: 11, other: 20})

    [conflict] = outcome["details"]["conflicts"]
    assert code(outcome) == "PRICE_CHANGED"
    assert conflict == {"lead_id": one, "reason": "price_changed", "price": 10}
