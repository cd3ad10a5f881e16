"""A lead that may be sold more or less often than before says anew whether it can be had."""

from typing import Any

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import ASSET, buy, lead, lead_state, new_id, reserve

pytestmark = pytest.mark.postgres_versions("15", "18")


def may_be_sold(ledger: Ledger, lead_id: str, seller: str, times: int) -> None:
    """The seller, signed in, changes how often the lead may be sold."""
    with ledger.database.connect("authenticated", sub=seller) as session:
        changed = session.execute(
            "UPDATE public.leads SET max_sales = %s WHERE id = %s", [times, lead_id]
        ).rowcount
    assert changed == 1


def sold_at(ledger: Ledger, lead_id: str) -> Any:
    return ledger.value("SELECT sold_at FROM public.leads WHERE id = %s", lead_id)


def test_a_lead_that_was_sold_out_goes_on_sale_again_and_off(ledger: Ledger) -> None:
    seller = new_id()
    item = lead(ledger.admin, 10, seller=seller)
    done(buy(ledger, ledger.funded(10, ASSET), [item]))
    first = sold_at(ledger, item)

    may_be_sold(ledger, item, seller, 3)
    assert (lead_state(ledger, item), sold_at(ledger, item)) == (("available", 1), None)
    done(buy(ledger, ledger.funded(10, ASSET), [item]))

    may_be_sold(ledger, item, seller, 2)
    assert lead_state(ledger, item) == ("sold", 2)
    assert sold_at(ledger, item) >= first
    assert code(buy(ledger, ledger.funded(10, ASSET), [item])) == "PURCHASE_CONFLICT"


def test_what_is_reserved_stays_reserved(ledger: Ledger) -> None:
    seller = new_id()
    item = lead(ledger.admin, 10, seller=seller, max_sales=2)
    done(reserve(ledger, new_id(), [item]))
    assert lead_state(ledger, item) == ("available", 0)

    may_be_sold(ledger, item, seller, 1)
    assert lead_state(ledger, item) == ("reserved", 0)

    may_be_sold(ledger, item, seller, 2)
    assert lead_state(ledger, item) == ("available", 0)
    done(buy(ledger, ledger.funded(10, ASSET), [item]))
    assert lead_state(ledger, item) == ("reserved", 1)


def test_a_lead_that_came_as_sold_stays_so(ledger: Ledger) -> None:
    seller = new_id()
    [(item,)] = ledger.rows(
        "INSERT INTO public.leads (seller_workspace_id, price, marketplace_status)"
        " VALUES (%s, 10, 'sold') RETURNING id::text",
        seller,
    )

    may_be_sold(ledger, item, seller, 5)

    assert lead_state(ledger, item) == ("sold", 0)
    outcome = buy(ledger, ledger.funded(10, ASSET), [item])
    assert outcome["details"]["conflicts"] == [{"lead_id": item, "reason": "sold"}]
