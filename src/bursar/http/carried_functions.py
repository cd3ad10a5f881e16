"""The functions of schema `public` that are verbs: the engine carries them, with their key.

Each is a row of `CARRIED`. Called with the same arguments in SQL they give the same answers, but
have no key. A request's fields are those of the verb; `rename` has the names of the arguments.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

_REWARD, _USER = "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11", "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"
_LEAD, _PURCHASE = "9a1c7f64-2c5e-4f0b-8a37-5d1e2f3a4b5c", "7b2d8e15-0f3a-4c6d-9e48-1a5b6c7d8e9f"
_REFUSED = (400, 402, 403, 404, 409, 415, 422, 503)
_ANSWERED = (400, 403, 415, 422, 503)


def _prefixed(name: str) -> str:
    return f"p_{name}"


class PurchaseReward(msgspec.Struct, forbid_unknown_fields=True, rename=_prefixed):
    """Arguments of purchase_reward, by name."""

    reward_id: UUID
    collector_id: UUID
    expected_price: int | None = None


class PurchaseBounty(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={"reward_id": "p_bounty_id", "collector_id": "p_collector_id"},
):
    """Arguments of purchase_bounty, by name."""

    reward_id: UUID
    collector_id: UUID


class CompleteCreditLeadPurchase(msgspec.Struct, forbid_unknown_fields=True, rename=_prefixed):
    """Arguments of complete_credit_lead_purchase, by name; prices by lead."""

    buyer_workspace_id: UUID
    lead_ids: list[UUID]
    expected_prices: dict[str, Any] | None = None
    allow_partial: bool | None = None


class ValidateAndLockLeads(
    CompleteCreditLeadPurchase, forbid_unknown_fields=True, rename=_prefixed
):
    """Arguments of validate_and_lock_leads_for_purchase, by name."""

    reserve_seconds: int | None = None


class CompleteStripeLeadPurchase(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={"purchase_id": "p_purchase_id", "payment_intent": "p_payment_intent_id"},
):
    """Arguments of complete_stripe_lead_purchase, by name."""

    purchase_id: UUID
    payment_intent: Annotated[str, Meta(description="The card company's id of the payment.")]


class MarkLeadsSoldBulk(msgspec.Struct, forbid_unknown_fields=True, rename=_prefixed):
    """Arguments of mark_leads_sold_bulk, by name."""

    purchase_id: UUID


@dataclass(frozen=True, slots=True)
class Carried:
    """A function and the verb that it is.

    `raises` says whether its refusals are errors, as those of functions that raise; otherwise they
    are answers, as in SQL. Whoever is not the service calls one that is for `service_only` as any
    other function, so that the database says who may. One that is `by_card` notes a card payment,
    whose events are to be of the mode of our key.
    """

    name: str
    verb: str
    arguments: type[msgspec.Struct]
    summary: str
    example: dict[str, Any]
    description: str
    raises: bool = False
    service_only: bool = True
    by_card: bool = False

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses of answers that say no."""
        return _REFUSED if self.raises else _ANSWERED


_CART = {"p_buyer_workspace_id": _USER, "p_lead_ids": [_LEAD]}
_OWN_ID = "For the service. The purchase is its own key, so it may be sent again without one."
CARRIED = (
    Carried(
        "purchase_reward",
        "purchase_reward",
        PurchaseReward,
        "Buy a reward",
        {"p_reward_id": _REWARD, "p_collector_id": _USER},
        "The caller must be the collector or the service role. With an Idempotency-Key the"
        " first outcome is answered again.",
        raises=True,
        service_only=False,
    ),
    Carried(
        "purchase_bounty",
        "purchase_reward",
        PurchaseBounty,
        "Buy a reward, by the name older apps use",
        {"p_bounty_id": _REWARD, "p_collector_id": _USER},
        "",
        raises=True,
        service_only=False,
    ),
    Carried(
        "complete_credit_lead_purchase",
        "complete_credit_lead_purchase",
        CompleteCreditLeadPurchase,
        "Buy a cart of leads for credits",
        _CART,
        "For the service. Answers the outcome, a refusal too: look at `status`. With an"
        " Idempotency-Key the first outcome is answered again.",
    ),
    Carried(
        "validate_and_lock_leads_for_purchase",
        "validate_and_lock_leads_for_purchase",
        ValidateAndLockLeads,
        "Reserve a cart of leads for a card",
        _CART,
        "For the service. Answers the outcome, a refusal too: look at `status`. With an"
        " Idempotency-Key the first reservation is answered again; without one a second call"
        " gives the first up for a new one.",
        by_card=True,
    ),
    Carried(
        "complete_stripe_lead_purchase",
        "complete_stripe_lead_purchase",
        CompleteStripeLeadPurchase,
        "Complete a reserved purchase that was paid",
        {"p_purchase_id": _PURCHASE, "p_payment_intent_id": "pi_1"},
        _OWN_ID,
    ),
    Carried(
        "mark_leads_sold_bulk",
        "mark_leads_sold_bulk",
        MarkLeadsSoldBulk,
        "Sell the leads of a purchase that was paid",
        {"p_purchase_id": _PURCHASE},
        _OWN_ID,
    ),
)
