"""What `/api/marketplace` takes and answers, in the camelCase that its callers write."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bursar.http.problem import malformed
from bursar.http.v1_bodies import Amount

LEADS_MAX = 500
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

Workspace = Annotated[
    UUID, Meta(description="For the service role: the workspace to act for. Users act for theirs.")
]
LeadPrices = Annotated[
    dict[Annotated[str, Meta(pattern=_UUID)], Amount],
    Meta(max_length=LEADS_MAX, description="The prices that were shown to the buyer, by lead."),
]


class CartPurchase(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Buy leads for credits, or reserve them and open a checkout session for a card."""

    lead_ids: Annotated[
        list[UUID],
        Meta(min_length=1, max_length=LEADS_MAX, description="Each lead once, in any order."),
    ]
    payment_method: Literal["credits", "stripe"]
    expected_prices: LeadPrices | None = None
    allow_partial: bool | None = None
    workspace_id: Workspace | None = None


class CreditsTopUp(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Buy credits for a workspace with a card."""

    credits: Amount
    workspace_id: Workspace | None = None


class LeadOnReceipt(msgspec.Struct, rename="camel", kw_only=True):
    """A lead that was had, at its price in credits."""

    lead_id: str
    price: int


class LeadInTheWay(msgspec.Struct, rename="camel", kw_only=True):
    """A lead that could not be had, and why; of a changed price, the present one.

    A refusal's details tell the same, and of a lead that somebody else holds in reserve when it may
    be free again.
    """

    lead_id: str
    reason: str
    price: int | UnsetType = UNSET


class PurchaseReceipt(msgspec.Struct, rename="camel", kw_only=True):
    """What became of a cart. `balance` is the buyer's, in credits, after paying with them.

    `status` is "completed" for credits and "pending" for a card that is still to be charged, at
    `checkout_url` until `reserved_until`. A replay tells how the purchase stands meanwhile.
    """

    purchase_id: str
    status: Literal["pending", "completed", "failed", "refunded", "expired"]
    payment_method: Literal["credits", "stripe"]
    total_price: int
    items: list[LeadOnReceipt]
    conflicts: list[LeadInTheWay]
    balance: int | UnsetType = UNSET
    checkout_url: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    reserved_until: str | UnsetType = UNSET


class TopUpReceipt(msgspec.Struct, rename="camel", kw_only=True):
    """A top-up that waits for its card: `amount` is money, in minor units of `currency`."""

    payment_id: str
    status: Literal["pending", "paid", "failed", "expired", "refunded"]
    credits: int
    amount: int
    currency: str
    checkout_url: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET


def cart_of(wanted: CartPurchase, workspace_id: str) -> dict[str, Any]:
    """Return the request of a verb that buys or reserves a cart for `workspace_id`.

    Raises a 422 problem when a lead, or the price of one, is named twice.
    """
    lead_ids = [str(lead_id) for lead_id in wanted.lead_ids]
    if len(set(lead_ids)) < len(lead_ids):
        raise malformed("leadIds", "It names a lead twice.")
    request: dict[str, Any] = {"buyer_workspace_id": workspace_id, "lead_ids": lead_ids}
    if wanted.expected_prices is not None:
        # In another case it is another key of the object, and the same lead.
        prices = {lead_id.lower(): price for lead_id, price in wanted.expected_prices.items()}
        if len(prices) < len(wanted.expected_prices):
            raise malformed("expectedPrices", "It names a lead twice.")
        request["expected_prices"] = prices
    if wanted.allow_partial is not None:
        request["allow_partial"] = wanted.allow_partial
    return request


def camel(value: Any) -> Any:
    """Return what the ledger read, with the names of its fields in camelCase."""
    if isinstance(value, dict):
        return {_camel_name(name): camel(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    return value


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
