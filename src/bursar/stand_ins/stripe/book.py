"""Everything the stand-in knows: sales, each with all that became of it, and the clock they keep.

The objects are dictionaries in Stripe's shape, as they are answered and put into events.
"""

import secrets
import string
import time
from collections.abc import Callable
from typing import Any

import msgspec

SALES_MAX = 10_000
_SIGNS = string.ascii_letters + string.digits

Thing = dict[str, Any]


class Sale(msgspec.Struct, kw_only=True):
    """A checkout session and what came of it.

    `settles_at` is when a delayed payment arrives or fails, by the book's clock in seconds.
    """

    session: Thing
    items: list[Thing]
    intent_metadata: dict[str, str]
    description: str | None = None
    intent: Thing | None = None
    charge: Thing | None = None
    refunds: list[Thing] = []
    disputes: list[Thing] = []
    settles_at: float | None = None
    settles_well: bool = True


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What Stripe insists on, where a test may want it otherwise.

    `smallest_amount` None means Stripe's own least amounts, by currency. A payment that was left
    for later arrives or fails after `settle_seconds`.
    """

    shortest_session_seconds: int = 1800
    longest_session_seconds: int = 86_400
    smallest_amount: int | None = None
    settle_seconds: float = 15.0


class Book:
    """The sales, found by the id of a session, a payment intent, a charge or a refund.

    Beyond `SALES_MAX` the oldest is forgotten. `emit` is called with the type of an event, its
    object as it is then, and the attributes that the object had before, or None.
    """

    def __init__(self, rules: Rules, emit: Callable[[str, Thing, Thing | None], None]) -> None:
        self.rules = rules
        self.emit = emit
        self.ahead = 0.0
        self.address = ""
        self.sales: dict[str, Sale] = {}
        self._by_part: dict[str, Sale] = {}

    def now(self) -> float:
        """The present, in seconds since 1970, by the book's clock."""
        return time.time() + self.ahead

    def add(self, sale: Sale) -> None:
        """Keep a sale, and forget the oldest when there are too many."""
        self.sales[sale.session["id"]] = sale
        for part in (sale.intent, sale.charge, *sale.refunds):
            if part is not None:
                self.note(sale, part)
        while len(self.sales) > SALES_MAX:
            self._forget(next(iter(self.sales)))

    def note(self, sale: Sale, part: Thing) -> None:
        """Make a part of a sale known by its id."""
        self._by_part[part["id"]] = sale

    def of_session(self, identifier: str) -> Sale | None:
        """The sale of a session, or None."""
        return self.sales.get(identifier)

    def of_part(self, identifier: str) -> Sale | None:
        """The sale that has a payment intent, charge or refund with this id, or None."""
        return self._by_part.get(identifier)

    def _forget(self, identifier: str) -> None:
        sale = self.sales.pop(identifier)
        for part in (sale.intent, sale.charge, *sale.refunds):
            if part is not None:
                self._by_part.pop(part["id"], None)


def new_id(prefix: str, length: int = 24) -> str:
    """A new id that nobody can guess, as long as Stripe's are."""
    return prefix + "".join(secrets.choice(_SIGNS) for _ in range(length))
