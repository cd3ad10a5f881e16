"""What the demonstration's marketplace sells: put on sale once, and again when it is sold out."""

from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import LEADS, ROOF_LEEDS, SOLAR_YORK
from bursar.demo.seed import seed
from bursar.demo.stock import Terms, read_terms, restock
from bursar.demo.workspaces import BUILDING, ROOFING, SELLERS, WORKSPACES


def on_sale(database: ScratchDatabase) -> dict[str, str]:
    """The ids of what can be bought, by title."""
    return dict(
        database.connect()
        .execute("SELECT title, id::text FROM public.leads WHERE marketplace_status = 'available'")
        .fetchall()
    )


def buy(database: ScratchDatabase, buyer: str, *lead_ids: str) -> dict[str, Any]:
    row = (
        database.connect()
        .execute(
            "SELECT public.complete_credit_lead_purchase(%s::uuid, %s::uuid[])",
            [buyer, list(lead_ids)],
        )
        .fetchone()
    )
    assert row is not None
    outcome: dict[str, Any] = row[0]
    assert outcome["status"] == "done", outcome
    return outcome


def test_every_lead_is_on_sale_once_under_its_own_id(database: ScratchDatabase) -> None:
    seed(database.service_url)

    assert on_sale(database) == {lead.title: lead.lead_id() for lead in LEADS}
    assert restock(database.service_url) == 0


def test_what_is_sold_out_is_put_on_sale_again_as_another_lead(database: ScratchDatabase) -> None:
    seed(database.service_url)
    buy(database, BUILDING.user_id, ROOF_LEEDS.lead_id())

    added = restock(database.service_url)

    assert added == 1
    assert on_sale(database)[ROOF_LEEDS.title] == ROOF_LEEDS.lead_id(2)
    seed(database.service_url)
    assert len(on_sale(database)) == len(LEADS)


def test_what_is_left_of_a_lead_is_enough(database: ScratchDatabase) -> None:
    seed(database.service_url)
    for buyer in (ROOFING.user_id, BUILDING.user_id):
        buy(database, buyer, SOLAR_YORK.lead_id())

    assert restock(database.service_url) == 0


def test_the_terms_come_with_the_first_leads_and_then_stay_as_they_are_made(
    database: ScratchDatabase,
) -> None:
    seed(database.service_url)
    first = read_terms(database.service_url)
    database.connect().execute("UPDATE public.marketplace_config SET fee_basis_points = 0")

    seed(database.service_url)

    assert first == Terms(unit_amount=10, currency="gbp", fee_basis_points=500)
    assert read_terms(database.service_url) == Terms(10, "gbp", 0)


def test_sellers_get_the_price_less_the_fee(database: ScratchDatabase) -> None:
    seed(database.service_url)

    buy(database, ROOFING.user_id, ROOF_LEEDS.lead_id())

    earned = (
        database.connect()
        .execute(
            "SELECT balance FROM public.workspace_credits WHERE workspace_id = %s",
            [ROOF_LEEDS.seller.user_id],
        )
        .fetchone()
    )
    assert earned == (57,)


def test_terms_are_unknown_without_a_database() -> None:
    assert read_terms("postgresql://nobody@127.0.0.1:1/none") is None
    with pytest.raises(psycopg.Error):
        restock("postgresql://nobody@127.0.0.1:1/none")


def test_the_leads_show_what_the_page_is_for() -> None:
    prices = sorted(lead.price for lead in LEADS)

    assert len({lead.title for lead in LEADS}) == len({lead.slug for lead in LEADS}) == len(LEADS)
    assert {lead.max_sales for lead in LEADS} == {1, 3}
    assert {lead.seller for lead in LEADS} == set(SELLERS)
    # Several leads can be paid for, the whole list cannot; a card company takes even the cheapest.
    assert sum(prices[:4]) < ROOFING.opening_credits < sum(prices) < BUILDING.opening_credits
    assert prices[0] * 10 >= 30
    assert not {seller.user_id for seller in SELLERS if seller not in WORKSPACES} & {
        office.user_id for office in WORKSPACES
    }
    # The database takes no more.
    assert all(len(lead.title) <= 200 and len(lead.description) <= 2000 for lead in LEADS)
