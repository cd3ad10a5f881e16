"""The checkout session of a card payment: made once, and found again by whoever asks again.

The payment is in the database before the card company hears of it, so that whatever becomes of a
session has something to be about. Nothing here says what was paid; events do.
"""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from bursar.errors import BursarError
from bursar.marketplace.card_company import (
    CardCompany,
    CardCompanyError,
    CardItem,
    CardSession,
    session_end,
)
from bursar.settings import Settings


class Asks(Protocol):
    """What is needed of the ledger; `bursar.ledger.engine.Engine` has it."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call `bursar.<function>` and return its decoded JSON."""
        ...


class Payment(NamedTuple):
    """A payment that waits for its card: `amount` is money, in minor units of `currency`.

    `session_id` is None as long as no session is known. `created_at` is when the payment was noted:
    the end of its session is counted from there, so that whoever asks again asks for the same.
    """

    id: str
    amount: int
    currency: str
    description: str
    items: tuple[CardItem, ...]
    created_at: datetime
    session_id: str | None


class Returning(NamedTuple):
    """Where the buyer is sent from the payment page: after paying, and without."""

    paid: str
    not_paid: str


class Opened(NamedTuple):
    """A session as the buyer needs it; `url` is empty once nobody can pay there any more."""

    id: str
    url: str
    reserved_until: str | None


class Checkout:
    """Makes sessions and finds them again."""

    def __init__(self, ledger: Asks, company: CardCompany, settings: Settings) -> None:
        self._ledger = ledger
        self._company = company
        self._settings = settings

    async def open(self, payment: Payment, returning: Returning) -> Opened:
        """Return the payment's session, made now or before.

        Raises `CardCompanyError`. When that is retriable, a session may have been made: the payment
        goes on waiting, and the same call asks for the same session. Otherwise the payment was
        given up, and what it reserved is free.
        """
        if payment.session_id is not None:
            return await self._find(payment.session_id)
        try:
            made = await self._make(payment, returning)
        except CardCompanyError as error:
            if not error.retriable:
                # If this fails too, the reservation lapses by itself.
                with contextlib.suppress(BursarError):
                    await self._ledger.read("cancel_card_payment", payment.id, error.sentence)
            raise
        return await self._attach(payment, made)

    async def _find(self, session_id: str) -> Opened:
        try:
            known = await self._company.read_session(session_id)
        except CardCompanyError as error:
            # It is there, whatever is in the way of seeing it.
            raise CardCompanyError(error.sentence, retriable=True, code=error.code) from None
        return Opened(known.id, known.url, None)

    async def _make(self, payment: Payment, returning: Returning) -> CardSession:
        return await self._company.open_session(
            payment.id,
            payment.amount,
            payment.currency,
            payment.description,
            payment.items,
            session_end(self._settings, payment.created_at.timestamp()),
            success_url=self._settings.checkout_success_url or returning.paid,
            cancel_url=self._settings.checkout_cancel_url or returning.not_paid,
        )

    async def _attach(self, payment: Payment, made: CardSession) -> Opened:
        ends = datetime.fromtimestamp(made.expires_at, UTC).isoformat()
        noted = await self._ledger.read("attach_card_session", payment.id, made.id, ends)
        if not noted["attached"]:
            # Another session is known for this payment; two that can be paid would be one too many.
            await self._company.expire_session(made.id)
            raise CardCompanyError(
                "Another session was opened for this payment meanwhile.", retriable=True
            )
        return Opened(made.id, made.url, noted["reserved_until"])


def payment_of_purchase(purchase: Mapping[str, Any]) -> Payment:
    """Return the payment of a purchase by card, as `bursar.read_lead_purchase` tells of it.

    What the buyer reads on the payment page are the titles of the leads.
    """
    paid = purchase["payment"]
    unit = paid["amount"] // purchase["total_price"]
    items = tuple(CardItem(item["title"], item["price"] * unit) for item in purchase["items"])
    number = len(items)
    return Payment(
        paid["payment_id"],
        paid["amount"],
        paid["currency"],
        f"{number} leads" if number > 1 else items[0].name or "1 lead",
        items,
        datetime.fromisoformat(purchase["created_at"]),
        paid["session_id"],
    )


def payment_of_top_up(top_up: Mapping[str, Any]) -> Payment:
    """Return the payment of a top-up, as `bursar.read_top_up` tells of it."""
    description = f"{top_up['credits']} credits"
    return Payment(
        top_up["payment_id"],
        top_up["amount"],
        top_up["currency"],
        description,
        (CardItem(description, top_up["amount"]),),
        datetime.fromisoformat(top_up["created_at"]),
        top_up["session_id"],
    )
