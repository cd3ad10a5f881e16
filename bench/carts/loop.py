"""The loop that one call replaces: three queries, then statements for every lead."""

from collections import Counter
from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import psycopg

from bench.carts.way import Statements

# A lead as it was read: id, seller, price, how often it was sold.
Lead = tuple[UUID, UUID, int, int]

_READ: LiteralString = """
SELECT id, seller_workspace_id, price, sold_count FROM leads
WHERE id = ANY(%s::uuid[]) AND is_marketplace_listed AND marketplace_status = 'available'
ORDER BY id"""
_BALANCE: LiteralString = "SELECT balance FROM workspace_credits WHERE workspace_id = %s"
_PURCHASE: LiteralString = """
INSERT INTO marketplace_purchases
    (buyer_workspace_id, status, total_price, payment_method, completed_at)
VALUES (%s, 'completed', %s, 'credits', now()) RETURNING id"""
_ITEM: LiteralString = """
INSERT INTO marketplace_purchase_items (purchase_id, lead_id, price) VALUES (%s, %s, %s)"""


class Loop(Statements):
    """The loop as it has to be to be right: one transaction, and everything locked, in order."""

    name, title = "loop", "loop, with locks"
    says = (
        "one transaction: SELECT the leads FOR UPDATE, SELECT the balance FOR UPDATE, INSERT the"
        " purchase; for each lead INSERT the item and UPDATE the lead; UPDATE the balances of the"
        " buyer and of each seller; plain tables without a ledger; psycopg, prepared"
    )

    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Send statement after statement."""
        run = self._connection.execute
        with self._connection.transaction():
            found: list[Lead] = run(_READ + " FOR UPDATE", [leads]).fetchall()
            total = sum(price for _, _, price, _ in found)
            (balance,) = run(_BALANCE + " FOR UPDATE", [buyer]).fetchone() or (0,)
            if len(found) < len(leads) or balance < total:
                return False
            (purchase,) = run(_PURCHASE, [buyer, total]).fetchone() or (None,)
            earned: Counter[UUID] = Counter()
            for lead, seller, price, _ in found:
                run(_ITEM, [purchase, lead, price])
                run(
                    "UPDATE leads SET sold_count = sold_count + 1, marketplace_status = 'sold',"
                    " first_sold_at = coalesce(first_sold_at, now()), sold_at = now()"
                    " WHERE id = %s",
                    [lead],
                )
                earned[seller] += price
            run(
                "UPDATE workspace_credits SET balance = balance - %s, total_used = total_used + %s,"
                " updated_at = now() WHERE workspace_id = %s",
                [total, total, buyer],
            )
            for seller, price in sorted(earned.items()):
                run(
                    "UPDATE workspace_credits SET balance = balance + %s,"
                    " total_earned = total_earned + %s, updated_at = now()"
                    " WHERE workspace_id = %s",
                    [price, price, seller],
                )
        return True


class NaiveLoop(Statements):
    """The loop as it was: nothing is locked, every statement stands alone, sums are taken here."""

    name, title = "naive", "loop, as it was"
    says = (
        "the same statements, each by itself and without locks; balances and counts are computed"
        " by the client and written over what is there"
    )

    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Send statement after statement."""
        run = self._connection.execute
        found: list[Lead] = run(_READ, [leads]).fetchall()
        total = sum(price for _, _, price, _ in found)
        balance = self._balance(buyer)
        if len(found) < len(leads) or balance < total:
            return False
        self._set_balance(buyer, balance - total)
        (purchase,) = run(_PURCHASE, [buyer, total]).fetchone() or (None,)
        for lead, seller, price, sold in found:
            run(_ITEM, [purchase, lead, price])
            run(
                "UPDATE leads SET sold_count = %s, marketplace_status = 'sold' WHERE id = %s",
                [sold + 1, lead],
            )
            self._set_balance(seller, self._balance(seller) + price)
        return True

    def _balance(self, workspace: str | UUID) -> int:
        row = self._connection.execute(_BALANCE, [workspace]).fetchone()
        if row is None:
            raise psycopg.DataError("There is no such workspace.")
        return int(row[0])

    def _set_balance(self, workspace: str | UUID, balance: int) -> None:
        self._connection.execute(
            "UPDATE workspace_credits SET balance = %s, updated_at = now() WHERE workspace_id = %s",
            [balance, workspace],
        )
