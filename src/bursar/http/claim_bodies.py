"""What the addresses below `/functions/v1` take and answer, in the names that apps know."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bursar.http.problem import malformed

_PRINTABLE = "^[ -~]+$"
User = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=_PRINTABLE,
        description="For the service role: whom it is for. Users act for themselves.",
    ),
]
Sku = Annotated[str, Meta(min_length=1, max_length=200, pattern=_PRINTABLE)]


class PurchaseClaim(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Claim what was bought in a store, by the store's own transaction id."""

    sku: Sku
    tx_id: Annotated[str, Meta(min_length=1, max_length=255, pattern=_PRINTABLE)]
    store: Annotated[str, Meta(min_length=1, max_length=50, pattern=_PRINTABLE)] | None = None
    environment: Literal["PRODUCTION", "SANDBOX"] | None = None
    user_id: User | None = None


class ItemUse(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Use items that the user has."""

    item: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")] = "streak_shield"
    amount: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    user_id: User | None = None


class ShopWallet(msgspec.Struct, kw_only=True):
    """What a user has of the shop right after the claim."""

    user_id: str
    streakshield_count: int
    xp_booster_until: str | None
    updated_at: str


class Claimed(msgspec.Struct, kw_only=True):
    """A claim that was granted, or, with status 202, accepted: then `waits_for` says for what."""

    success: Literal[True]
    tx_id: str | msgspec.UnsetType = msgspec.UNSET
    sku: str | msgspec.UnsetType = msgspec.UNSET
    claimed_at: str | msgspec.UnsetType = msgspec.UNSET
    wallet: ShopWallet | msgspec.UnsetType = msgspec.UNSET
    replayed: bool | msgspec.UnsetType = msgspec.UNSET
    queued: Literal[True] | msgspec.UnsetType = msgspec.UNSET
    waits_for: Literal["opening", "purchase", "database"] | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType = msgspec.UNSET
    status_message: str | msgspec.UnsetType = msgspec.UNSET


class ItemsUsed(msgspec.Struct, kw_only=True):
    """Items that were used; `left` is how many there are now."""

    success: Literal[True]
    item: str
    amount: int
    left: int
    replayed: bool


def plain_claim(wanted: PurchaseClaim) -> dict[str, Any]:
    """Return the fields of a claim. Raises a 422 problem for text that no database would take.

    A claim may have to wait where nobody checks it again, so what is wrong with it is said now.
    """
    fields = {
        "sku": wanted.sku,
        "tx_id": wanted.tx_id,
        "store": wanted.store,
        "environment": wanted.environment,
    }
    for name, value in fields.items():
        # The pattern would let a line's end pass at the end.
        if value is not None and not value.isprintable():
            raise malformed(name, "It must be printable ASCII text.")
    return {name: value for name, value in fields.items() if value is not None}
