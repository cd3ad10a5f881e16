"""What the tests do to a marketplace behind its doors: put leads on sale, send events, look."""

import itertools
import uuid
from collections.abc import Iterable
from typing import Any

import psycopg
import psycopg.sql

from tests.ledger_in_sql import Ledger, Outcome, done

Event = dict[str, Any]
ASSET = "workspace_credit"
_numbers = itertools.count(1)


def new_id() -> str:
    """The id of a new workspace."""
    return str(uuid.uuid4())


def lead(
    connection: psycopg.Connection,
    price: int,
    *,
    seller: str = "",
    max_sales: int = 1,
    listed: bool = True,
) -> str:
    """Put a lead on sale."""
    row = connection.execute(
        "INSERT INTO public.leads (seller_workspace_id, title, price, max_sales,"
        " is_marketplace_listed) VALUES (%s, 'Lead', %s, %s, %s) RETURNING id::text",
        [seller or new_id(), price, max_sales, listed],
    ).fetchone()
    assert row is not None
    made: str = row[0]
    return made


def leads(connection: psycopg.Connection, prices: Iterable[int], *, seller: str = "") -> list[str]:
    """Put several leads on sale, all by one seller."""
    owner = seller or new_id()
    return [lead(connection, price, seller=owner) for price in prices]


def buy(ledger: Ledger, buyer: str, lead_ids: list[str], **fields: object) -> Outcome:
    """Buy a cart for credits."""
    return ledger.one(
        "complete_credit_lead_purchase", buyer_workspace_id=buyer, lead_ids=lead_ids, **fields
    )


def reserve(ledger: Ledger, buyer: str, lead_ids: list[str], **fields: object) -> Outcome:
    """Reserve a cart for a payment by card."""
    return ledger.one(
        "validate_and_lock_leads_for_purchase",
        buyer_workspace_id=buyer,
        lead_ids=lead_ids,
        **fields,
    )


def take(ledger: Ledger, event: Event) -> Outcome:
    """Take an event of the card company."""
    return ledger.one("take_stripe_event", event=event)


def event(kind: str, fields: dict[str, Any], *, event_id: str = "", live: bool = False) -> Event:
    """An event as Stripe sends it, as far as we read it."""
    return {
        "id": event_id or f"evt_{next(_numbers)}_{uuid.uuid4().hex[:8]}",
        "object": "event",
        "type": kind,
        "created": 1_780_000_000,
        "livemode": live,
        "data": {"object": fields},
    }


class Payment:
    """The events of one card payment; each call makes a new event with an id of its own."""

    def __init__(self, payment_id: str, amount: int, currency: str = "usd") -> None:
        self.payment_id = payment_id
        self.amount = amount
        self.currency = currency
        self.intent = f"pi_{uuid.uuid4().hex}"
        self.session_id = f"cs_test_{uuid.uuid4().hex}"

    def session(self, kind: str, *, status: str = "paid", **fields: Any) -> Event:
        """An event of the checkout session."""
        session = {
            "id": self.session_id,
            "object": "checkout.session",
            "client_reference_id": self.payment_id,
            "metadata": {"bursar_payment_id": self.payment_id},
            "payment_intent": self.intent,
            "payment_status": status,
            "amount_total": self.amount,
            "currency": self.currency,
        }
        return event(f"checkout.session.{kind}", {**session, **fields})

    def completed(self, status: str = "paid") -> Event:
        """The buyer has paid, or with "unpaid" will pay later."""
        return self.session("completed", status=status)

    def succeeded(self) -> Event:
        """The method that pays later has paid."""
        return self.session("async_payment_succeeded")

    def failed(self) -> Event:
        """The method that pays later has not."""
        return self.session("async_payment_failed", status="unpaid")

    def expired(self) -> Event:
        """The session ended without a payment."""
        return self.session("expired", status="unpaid", payment_intent=None)

    def refunded(self, so_far: int) -> Event:
        """So much was given back so far."""
        charge = {
            "id": f"ch_{self.intent}",
            "object": "charge",
            "payment_intent": self.intent,
            "metadata": {"bursar_payment_id": self.payment_id},
            "amount": self.amount,
            "amount_refunded": so_far,
            "refunded": so_far == self.amount,
        }
        return event("charge.refunded", charge)

    def dispute(self, what: str, amount: int = 0, *, status: str = "under_review") -> Event:
        """What became of a dispute: funds_withdrawn, funds_reinstated, closed."""
        fields = {
            "id": f"dp_{self.intent}",
            "object": "dispute",
            "charge": f"ch_{self.intent}",
            "payment_intent": self.intent,
            "amount": amount or self.amount,
            "currency": self.currency,
            "status": status,
        }
        return event(f"charge.dispute.{what}", fields)


def checkout(ledger: Ledger, buyer: str, lead_ids: list[str], **fields: object) -> Payment:
    """Reserve a cart, and answer the payment that is to come."""
    outcome = done(reserve(ledger, buyer, lead_ids, **fields))
    return Payment(outcome["payment_id"], outcome["amount"], outcome["currency"])


def purchase_status(ledger: Ledger, purchase_id: str) -> str:
    """Where a purchase stands."""
    status: str = ledger.value(
        "SELECT status FROM public.marketplace_purchases WHERE id = %s", purchase_id
    )
    return status


def lead_state(ledger: Ledger, lead_id: str) -> tuple[str, int]:
    """A lead's status, and how often it was sold."""
    [(status, sold_count)] = ledger.rows(
        "SELECT marketplace_status, sold_count FROM public.leads WHERE id = %s", lead_id
    )
    return status, sold_count


def totals(ledger: Ledger, workspace_id: str) -> tuple[int, int, int, int]:
    """A workspace's balance, and what it purchased, earned and used."""
    rows = ledger.rows(
        "SELECT balance, total_purchased, total_earned, total_used"
        " FROM public.workspace_credits WHERE workspace_id = %s",
        workspace_id,
    )
    return rows[0] if rows else (0, 0, 0, 0)


def emptied(ledger: Ledger) -> str:
    """A workspace that has a wallet with nothing in it, which can be closed."""
    workspace_id = ledger.funded(1, ASSET)
    done(ledger.one("spend", owner_id=workspace_id, asset=ASSET, amount=1))
    return workspace_id


def set_wallet(ledger: Ledger, workspace_id: str, status: str) -> None:
    """Open, freeze or close a workspace's wallet."""
    done(ledger.one("freeze", owner_id=workspace_id, asset=ASSET, wallet_status=status))


def configure(connection: psycopg.Connection, **values: object) -> None:
    """Set columns of the marketplace's configuration."""
    for name, value in values.items():
        connection.execute(
            psycopg.sql.SQL("UPDATE public.marketplace_config SET {} = %s").format(
                psycopg.sql.Identifier(name)
            ),
            [value],
        )


def conflicts_logged(ledger: Ledger, workspace_id: str) -> list[dict[str, Any]]:
    """What the audit log says stood in the way of a workspace's carts, oldest first."""
    return [
        details
        for (details,) in ledger.rows(
            "SELECT details FROM public.audit_logs WHERE workspace_id = %s"
            " AND action = 'purchase_conflict' ORDER BY id",
            workspace_id,
        )
    ]


def items_of(ledger: Ledger, purchase_id: str) -> dict[str, str]:
    """What became of each lead of a purchase."""
    return dict(
        ledger.rows(
            "SELECT lead_id::text, status FROM public.marketplace_purchase_items"
            " WHERE purchase_id = %s",
            purchase_id,
        )
    )


def fees_kept(ledger: Ledger) -> int:
    """What the platform has kept so far."""
    kept: int = ledger.value(
        "SELECT coalesce(sum(amount), 0)::bigint FROM bursar.entry WHERE asset = %s"
        " AND owner_id = 'system:fees'",
        ASSET,
    )
    return kept
