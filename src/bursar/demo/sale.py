"""The pretend store's sales, and what RevenueCat would say about them.

A transaction id says who bought what, so that the store needs no books of its own: whoever shows
one may have it told again, or refunded. No real store gives out ids that begin with `demo-`.
"""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal, Self

from bursar.demo.learners import LEARNERS
from bursar.demo.visitors import Visitor
from bursar.demo.wares import WARE_BY_SLUG, Ware

Kind = Literal["purchase", "refund", "reversal"]

_TX_ID = re.compile(r"demo-([1-9])([a-z])-([0-9a-z]{1,20})")
_TYPES = {
    "purchase": "NON_RENEWING_PURCHASE",
    "refund": "CANCELLATION",
    "reversal": "REFUND_REVERSED",
}


@dataclass(frozen=True, slots=True)
class Sale:
    """One transaction of the pretend store."""

    tx_id: str
    buyer: Visitor
    ware: Ware

    @classmethod
    def make(cls, buyer: Visitor, ware: Ware, name: str = "") -> Self:
        """Sell; a sale with the same `name` is the same sale."""
        number = LEARNERS.index(buyer) + 1
        return cls(f"demo-{number}{ware.slug}-{name or secrets.token_hex(5)}", buyer, ware)

    @classmethod
    def find(cls, tx_id: str) -> Self:
        """Return the sale that a transaction id means. Raises `LookupError` when it means none."""
        found = _TX_ID.fullmatch(tx_id)
        if found is None or int(found[1]) > len(LEARNERS):
            raise LookupError
        return cls(tx_id, LEARNERS[int(found[1]) - 1], WARE_BY_SLUG[found[2]])

    def event(self, kind: Kind) -> dict[str, Any]:
        """Return RevenueCat's event about it, as of now.

        That it was bought is one event, however often it is told; each refund and each reversal is
        another.
        """
        now_ms = time.time_ns() // 1_000_000
        price = self.ware.price / 100
        event = {
            "id": f"{self.tx_id}:{kind}",
            "type": _TYPES[kind],
            "event_timestamp_ms": now_ms,
            "app_id": "bursar-demo",
            "app_user_id": self.buyer.user_id,
            "original_app_user_id": self.buyer.user_id,
            "aliases": [self.buyer.user_id],
            "product_id": self.ware.sku,
            "transaction_id": self.tx_id,
            "original_transaction_id": self.tx_id,
            "environment": "PRODUCTION",
            "store": "APP_STORE",
            "currency": "GBP",
            "price": price,
        }
        if kind == "purchase":
            return event | {"purchased_at_ms": now_ms}
        event["id"] = f"{self.tx_id}:{kind}:{now_ms}"
        if kind == "refund":
            return event | {"cancel_reason": "CUSTOMER_SUPPORT", "price": -price}
        return event
