"""The events of a store as RevenueCat sends them, in their real shape."""

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.ledger_in_sql import NOON

Event = dict[str, Any]
SHIELD = "consumable_streakshield_1"
BOOSTER = "consumable_xp_booster_7d"
_numbers = itertools.count(1)


def new_user() -> str:
    """The id of somebody new; users are texts here."""
    return f"user-{uuid.uuid4().hex[:12]}"


def new_tx() -> str:
    """A transaction id of a store that nobody had before."""
    return f"2{next(_numbers):06d}{uuid.uuid4().int % 10**8:08d}"


def milliseconds(moment: datetime) -> int:
    """A moment as RevenueCat writes it."""
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


@dataclass
class Sale:
    """One transaction of a store, and its events; each call makes a new event with its own id.

    `at` counts seconds of the store's clock from the purchase.
    """

    user_id: str = field(default_factory=new_user)
    sku: str = SHIELD
    tx_id: str = field(default_factory=new_tx)
    store: str = "APP_STORE"
    environment: str = "PRODUCTION"
    bought_at: datetime = NOON

    def event(self, kind: str, at: float = 0, **fields: Any) -> Event:
        """An event as RevenueCat sends it."""
        anonymous = f"$RCAnonymousID:{uuid.uuid5(uuid.NAMESPACE_OID, self.user_id).hex}"
        return {
            "event_timestamp_ms": milliseconds(self.bought_at + timedelta(seconds=at)),
            "product_id": self.sku,
            "period_type": "NORMAL",
            "purchased_at_ms": milliseconds(self.bought_at),
            "expiration_at_ms": None,
            "environment": self.environment,
            "entitlement_id": None,
            "entitlement_ids": None,
            "presented_offering_id": None,
            "transaction_id": self.tx_id,
            "original_transaction_id": self.tx_id,
            "is_family_share": False,
            "country_code": "DE",
            "app_user_id": self.user_id,
            "aliases": [self.user_id, anonymous],
            "original_app_user_id": anonymous,
            "currency": "EUR",
            "price": 1.09,
            "price_in_purchased_currency": 0.99,
            "subscriber_attributes": {},
            "store": self.store,
            "takehome_percentage": 0.85,
            "offer_code": None,
            "type": kind,
            "id": str(uuid.uuid4()),
            "app_id": "app1a2b3c4d5e",
        } | fields

    def purchase(self, at: float = 0, **fields: Any) -> Event:
        """It was bought; a consumable does not renew."""
        return self.event("NON_RENEWING_PURCHASE", at, **fields)

    def refund(self, at: float = 3600, **fields: Any) -> Event:
        """The store gave the money back."""
        return self.event(
            "CANCELLATION",
            at,
            **{"cancel_reason": "CUSTOMER_SUPPORT", "price": -1.09} | fields,
        )

    def reversal(self, at: float = 7200, **fields: Any) -> Event:
        """The store took the refund back."""
        return self.event("REFUND_REVERSED", at, **fields)

    def temporary_grant(self, at: float = 0, **fields: Any) -> Event:
        """The store cannot be asked, so this is granted for a day at most."""
        return self.event("TEMPORARY_ENTITLEMENT_GRANT", at, **fields)

    def expiration(self, at: float = 86400, **fields: Any) -> Event:
        """What was granted has ended."""
        return self.event("EXPIRATION", at, **{"expiration_reason": "UNKNOWN"} | fields)


def transfer(
    from_users: list[str], to_users: list[str], at: datetime = NOON, **fields: Any
) -> Event:
    """What the ones have bought belongs to the others: no user, no product, no environment."""
    return {
        "event_timestamp_ms": milliseconds(at),
        "store": "APP_STORE",
        "transferred_from": from_users,
        "transferred_to": to_users,
        "type": "TRANSFER",
        "id": str(uuid.uuid4()),
        "app_id": "app1a2b3c4d5e",
    } | fields
