"""What the marketplace answers, as types: carts that were bought or reserved, and card payments."""

import msgspec

from bursar.model import Outcome


class CartItem(msgspec.Struct, frozen=True, kw_only=True):
    """One lead of a cart that was had, with its price in whole credits."""

    lead_id: str
    price: int
    status: str | None = None


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """One lead of a cart that could not be had, and why.

    `reason` is not_found, own_lead, already_purchased, sold, not_listed, reserved or
    price_changed; of the last, `price` is the present price. In a refusal's
    details, a reserved lead may be free again at `reserved_until` (ISO 8601).
    """

    lead_id: str
    reason: str
    price: int | None = None
    reserved_until: str | None = None


class LeadPurchase(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a purchase of leads.

    `total_price` is in whole credits. A reservation also has `reserved_until` (ISO 8601) and, for
    the card, `payment_id` with an `amount` in minor units of `currency`.
    """

    purchase_id: str | None = None
    purchase_status: str | None = None
    total_price: int | None = None
    items: tuple[CartItem, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    payment_id: str | None = None
    currency: str | None = None
    reserved_until: str | None = None

    def or_raise(self) -> "LeadPurchase":
        """Return this purchase if it is done; raise it as `Refused` otherwise."""
        super().or_raise()
        return self


class CardEvent(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """What became of an event of the card company.

    `effect` is applied, mismatched, unmatched or ignored; the statuses are those that the payment
    and the purchase have after it.
    """

    event_id: str | None = None
    type: str | None = None
    effect: str | None = None
    payment_id: str | None = None
    purchase_id: str | None = None
    payment_status: str | None = None
    purchase_status: str | None = None


class TopUp(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """A top-up that a card is to pay: whole `credits` for an `amount` of minor units of money."""

    payment_id: str | None = None
    credits: int | None = None
    currency: str | None = None
