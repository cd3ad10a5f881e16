"""What the marketplace of the demonstration sells, and on which terms."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from bursar.demo.leads import LEADS, DemoLead
from bursar.demo.workspaces import SELLERS

CONNECT_SECONDS = 5
# Five per cent of each price; ten pence for a credit by card, so that any lead is more than what
# card companies take at least.
FEE_BASIS_POINTS, CARD_UNIT_AMOUNT, CARD_CURRENCY = 500, 10, "gbp"

_OWN = [seller.user_id for seller in SELLERS]
_EDITIONS = """
    SELECT title, count(*),
        count(*) FILTER (WHERE is_marketplace_listed AND marketplace_status <> 'sold')
    FROM public.leads WHERE seller_workspace_id = ANY (%s::uuid[]) GROUP BY title
"""
_INSERT = """
    INSERT INTO public.leads (id, seller_workspace_id, title, description, price, max_sales)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""
_TERMS = """
    UPDATE public.marketplace_config
    SET fee_basis_points = %s, card_unit_amount = %s, card_currency = %s
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a credit costs by card, in minor units of `currency`, and the fee that sellers pay."""

    unit_amount: int
    currency: str
    fee_basis_points: int


def stock_up(connection: psycopg.Connection[Any]) -> int:
    """Put on sale what is missing, in the caller's transaction, and return how many leads that is.

    What is there stays as it is. A job of which no lead is left is put on sale once more. With the
    very first leads come the demonstration's terms; later they are whatever an operator makes them.
    """
    counted = {
        title: (editions, left)
        for title, editions, left in connection.execute(_EDITIONS, [_OWN]).fetchall()
    }
    if not counted:
        connection.execute(_TERMS, [FEE_BASIS_POINTS, CARD_UNIT_AMOUNT, CARD_CURRENCY])
    added = 0
    # The newest lead is shown first, so the first of the list is put on sale last.
    for lead in reversed(LEADS):
        editions, left = counted.get(lead.title, (0, 0))
        if not left:
            added += connection.execute(_INSERT, list(_row(lead, editions + 1))).rowcount
    return added


def _row(lead: DemoLead, edition: int) -> Iterable[str | int]:
    return (
        lead.lead_id(edition),
        lead.seller.user_id,
        lead.title,
        lead.description,
        lead.price,
        lead.max_sales,
    )


def restock(database_url: str) -> int:
    """Put on sale what is sold out. Raises `psycopg.Error` when the database does not answer."""
    with _connected(database_url) as connection:
        return stock_up(connection)


def read_terms(database_url: str) -> Terms | None:
    """Return the marketplace's terms; None when the database does not answer."""
    try:
        with _connected(database_url) as connection:
            row = connection.execute(
                "SELECT card_unit_amount, card_currency, fee_basis_points"
                " FROM public.marketplace_config"
            ).fetchone()
    except psycopg.Error:
        return None
    return None if row is None else Terms(*row)


def _connected(database_url: str) -> psycopg.Connection[Any]:
    """Connect as the service; the connection ends with its `with` block."""
    connection = psycopg.connect(database_url, connect_timeout=CONNECT_SECONDS)
    try:
        connection.execute("SET LOCAL statement_timeout = '5s'")
        connection.execute("SET LOCAL ROLE service_role")
    except psycopg.Error:
        connection.close()
        raise
    return connection
