"""What a store and RevenueCat do in the tests of the doors: sales, and the events about them."""

import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

SHIELD, BOOSTER = "consumable_streakshield_1", "consumable_xp_booster_7d"
# What RevenueCat's dashboard was told to send.
AUTHORIZATION = "Bearer what the dashboard was told"
WEBHOOK, CLAIM = "/api/webhooks/revenuecat", "/functions/v1/claim"
_numbers = itertools.count(1)


def new_user() -> str:
    """The id of somebody new."""
    return str(uuid.uuid4())


def _new_tx() -> str:
    return f"2{next(_numbers):06d}{uuid.uuid4().int % 10**8:08d}"


@dataclass
class Sold:
    """A transaction of a store; each of its events has an id and a later time of its own."""

    user_id: str = field(default_factory=new_user)
    sku: str = SHIELD
    tx_id: str = field(default_factory=_new_tx)
    at_ms: int = field(default_factory=lambda: int(time.time() * 1000) - 3_600_000)

    def event(self, kind: str, after_ms: int = 0, **fields: Any) -> dict[str, Any]:
        """An event as RevenueCat sends it, so many milliseconds after the purchase."""
        return {
            "id": str(uuid.uuid4()),
            "type": kind,
            "event_timestamp_ms": self.at_ms + after_ms,
            "app_id": "app1a2b3c4d5e",
            "app_user_id": self.user_id,
            "original_app_user_id": self.user_id,
            "aliases": [self.user_id],
            "product_id": self.sku,
            "transaction_id": self.tx_id,
            "original_transaction_id": self.tx_id,
            "purchased_at_ms": self.at_ms,
            "environment": "PRODUCTION",
            "store": "APP_STORE",
            "price": 1.09,
            **fields,
        }

    def bought(self, **fields: Any) -> dict[str, Any]:
        """It was bought; a consumable does not renew."""
        return self.event("NON_RENEWING_PURCHASE", **fields)

    def refunded(self, after_ms: int = 1000) -> dict[str, Any]:
        """The store gave the money back."""
        return self.event("CANCELLATION", after_ms, cancel_reason="CUSTOMER_SUPPORT", price=-1.09)

    def refund_reversed(self, after_ms: int = 2000) -> dict[str, Any]:
        """The store took the refund back."""
        return self.event("REFUND_REVERSED", after_ms)

    @property
    def claim(self) -> dict[str, str]:
        """The body of a claim."""
        return {"sku": self.sku, "tx_id": self.tx_id}


def transfer(from_user: str, to_user: str, at_ms: int) -> dict[str, Any]:
    """What the one has bought belongs to the other."""
    return {
        "id": str(uuid.uuid4()),
        "type": "TRANSFER",
        "event_timestamp_ms": at_ms,
        "app_id": "app1a2b3c4d5e",
        "store": "APP_STORE",
        "environment": "PRODUCTION",
        "transferred_from": [from_user],
        "transferred_to": [to_user],
    }


def posted(event: Any, authorization: str = AUTHORIZATION) -> dict[str, Any]:
    """Body and headers of an event as RevenueCat posts it."""
    return {
        "json": {"api_version": "1.0", "event": event},
        "headers": {"authorization": authorization},
    }
