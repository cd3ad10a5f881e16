"""The bodies of `/v1`, one type for each verb. Strict: no unknown field, no guessing of types."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from bursar.ledger.parcel import AMOUNT_MAX

OwnerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        description="Whose wallet; printable ASCII, at most 255 characters.",
        examples=["5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"],
    ),
]
Asset = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="The unit of value.",
        examples=["credit"],
    ),
]
Amount = Annotated[
    int,
    Meta(ge=1, le=AMOUNT_MAX, description="Whole minor units, 1 to 10^15.", examples=[60]),
]
SignedAmount = Annotated[
    int,
    Meta(
        ge=-AMOUNT_MAX,
        le=AMOUNT_MAX,
        examples=[-5],
        description="Whole minor units, up to 10^15 either way, not zero.",
    ),
]
Reason = Annotated[
    str,
    Meta(min_length=1, max_length=200, description="Why; the default is the verb."),
]
Bucket = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=30,
        pattern=r"^[a-z_]+$",
        description="What kind of credits, as statements show it.",
        examples=["purchased"],
    ),
]
Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Idempotency key of this request.",
    ),
]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1, examples=[1])]
Text255 = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
Metadata = Annotated[
    dict[str, Any], Meta(description="Anything worth keeping with the transaction.")
]


class Verb(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What every verb's request may carry."""

    reason: Reason | None = None
    metadata: Metadata | None = None


class External(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Another system's id of the same event; it is credited at most once, for ever."""

    provider: Text255
    account: Text255
    mode: Literal["live", "test"]
    id: Text255


class Grant(Verb, kw_only=True):
    """Put an amount into a wallet."""

    owner_id: OwnerId
    asset: Asset
    amount: Amount
    bucket: Bucket | None = None
    external: External | None = None


class Spend(Verb, kw_only=True):
    """Take an amount from a wallet."""

    owner_id: OwnerId
    asset: Asset
    amount: Amount
    bucket: Bucket | None = None


class Transfer(Verb, kw_only=True):
    """Move an amount from one wallet to another."""

    owner_id: OwnerId
    to_owner_id: OwnerId
    asset: Asset
    amount: Amount
    bucket: Bucket | None = None


class Hold(Verb, kw_only=True):
    """Set an amount aside until it is captured, released or expires."""

    owner_id: OwnerId
    asset: Asset
    amount: Amount
    expires_in_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None


class Capture(Verb, kw_only=True):
    """Take what was held, wholly or in part."""

    amount: Amount | None = None
    over_run: Literal["reject", "cap", "overdraft"] | None = None
    final: bool | None = None
    to_owner_id: OwnerId | None = None


class Release(Verb, kw_only=True):
    """Give back what was held, wholly or in part."""

    amount: Amount | None = None


class Refund(Verb, kw_only=True):
    """Give back what a transaction charged, wholly or in part."""

    transaction_id: Id
    amount: Amount | None = None


class Adjust(Verb, kw_only=True):
    """Correct a wallet by hand, up or down."""

    owner_id: OwnerId
    asset: Asset
    amount: SignedAmount
    shortfall: Literal["refuse", "debt"] | None = None


class Freeze(Verb, kw_only=True):
    """Freeze, close or open a wallet."""

    owner_id: OwnerId
    asset: Asset
    wallet_status: Literal["open", "frozen", "closed"]


class Purchase(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Buy a reward. A signed-in user buys for themselves; the service names the collector."""

    reward_id: UUID
    collector_id: UUID | None = None
    expected_price: Amount | None = None


class BatchGrant(Grant, kw_only=True, tag_field="verb", tag="grant"):
    """A grant in a batch."""

    key: Key | None = None


class BatchSpend(Spend, kw_only=True, tag_field="verb", tag="spend"):
    """A spend in a batch."""

    key: Key | None = None


class BatchTransfer(Transfer, kw_only=True, tag_field="verb", tag="transfer"):
    """A transfer in a batch."""

    key: Key | None = None


class BatchHold(Hold, kw_only=True, tag_field="verb", tag="hold"):
    """A hold in a batch."""

    key: Key | None = None


class BatchCapture(Capture, kw_only=True, tag_field="verb", tag="capture"):
    """A capture in a batch."""

    key: Key | None = None
    hold_id: Id


class BatchRelease(Release, kw_only=True, tag_field="verb", tag="release"):
    """A release in a batch."""

    key: Key | None = None
    hold_id: Id


class BatchRefund(Refund, kw_only=True, tag_field="verb", tag="refund"):
    """A refund in a batch."""

    key: Key | None = None


class BatchAdjust(Adjust, kw_only=True, tag_field="verb", tag="adjust"):
    """An adjustment in a batch."""

    key: Key | None = None


class BatchFreeze(Freeze, kw_only=True, tag_field="verb", tag="freeze"):
    """A change of status in a batch."""

    key: Key | None = None


class BatchPurchase(Purchase, kw_only=True, tag_field="verb", tag="purchase_reward"):
    """A purchase in a batch; the collector must be named."""

    key: Key | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Independent requests, carried out as if in this order."""

    requests: Annotated[
        list[
            BatchGrant
            | BatchSpend
            | BatchTransfer
            | BatchHold
            | BatchCapture
            | BatchRelease
            | BatchRefund
            | BatchAdjust
            | BatchFreeze
            | BatchPurchase
        ],
        Meta(min_length=1, max_length=500),
    ]
