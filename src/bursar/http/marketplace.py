"""`/api/marketplace`: carts of leads bought for credits or by card, and credits bought by card.

For signed-in users, who act for the workspace that their token names, and for the service, which
says for whom. With a card the purchase is a reservation until the card company tells that it was
paid; the buyer pays at `checkoutUrl`.
"""

import re
from typing import Any

import msgspec

from bursar.http.calls import Ledger, attributed
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import decode
from bursar.http.marketplace_bodies import (
    CartPurchase,
    CreditsTopUp,
    PurchaseReceipt,
    TopUpReceipt,
    camel,
    cart_of,
)
from bursar.http.postgrest_request import key_of, refuse_other_media
from bursar.http.problem import ProblemError, malformed, of_refusal, refused
from bursar.http.request_log import RequestLog
from bursar.http.route import Route, decoded
from bursar.http.workspace import reader_of, uuid_of, workspace_of
from bursar.marketplace.card_company import CardCompany, CardCompanyError, mode_of
from bursar.marketplace.checkout import (
    Checkout,
    Opened,
    Payment,
    Returning,
    payment_of_purchase,
    payment_of_top_up,
)
from bursar.settings import Settings

# Where the demonstration shows what became of a purchase.
DEMO_PAGE = "/demo/marketplace"
# What Stripe says of an amount that it does not charge.
_AMOUNTS = ("amount_too_small", "amount_too_large")
_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}")
CREDITS, CARD, TOP_UP = (
    "complete_credit_lead_purchase",
    "validate_and_lock_leads_for_purchase",
    "open_top_up",
)
_encode = msgspec.json.Encoder().encode
_LEAD, _WORKSPACE = "9a1c7f64-2c5e-4f0b-8a37-5d1e2f3a4b5c", "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"
_STATUSES = (402, 403, 409, 413, 415, 422, 429, 503)
_OBJECT = {"type": "object"}


class Marketplace:
    """The door of the marketplace. Without a card company it sells for credits only."""

    def __init__(
        self, ledger: Ledger, company: CardCompany | None, settings: Settings, log: RequestLog
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._mode = mode_of(settings)
        self._checkout = None if company is None else Checkout(ledger, company, settings)

    def routes(self) -> list[Route]:
        """Return the routes of purchases and top-ups."""
        return [
            Route(
                "POST",
                "/api/marketplace/purchase",
                self.purchase,
                CREDITS,
                "v1",
                "Buy leads for credits or by card",
                "All of the cart or nothing, unless `allowPartial` is true. With"
                ' `"paymentMethod":"credits"` it is paid at once. With "stripe" the leads are'
                " reserved, and the answer has the `checkoutUrl` at which to pay; the same"
                " Idempotency-Key answers the same session again.",
                writes=True,
                body=CartPurchase,
                body_example={
                    "leadIds": [_LEAD],
                    "paymentMethod": "credits",
                    "expectedPrices": {_LEAD: 60},
                    "workspaceId": _WORKSPACE,
                },
                answer=PurchaseReceipt,
                idempotent=True,
                statuses=_STATUSES,
                tags=("Marketplace",),
            ),
            Route(
                "POST",
                "/api/marketplace/top-up",
                self.top_up,
                TOP_UP,
                "v1",
                "Buy credits by card",
                "The credits arrive when the card company tells that they were paid.",
                writes=True,
                body=CreditsTopUp,
                body_example={"credits": 500, "workspaceId": _WORKSPACE},
                answer=TopUpReceipt,
                idempotent=True,
                statuses=_STATUSES,
                tags=("Marketplace",),
            ),
            *self._reads(),
        ]

    def _reads(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/marketplace/purchases/{purchase_id}",
                self.read_purchase,
                "read_lead_purchase",
                "v1",
                "How a purchase stands",
                "Of one's own workspace; the service reads everybody's.",
                answer=_OBJECT,
                statuses=(403, 404, 422),
                tags=("Marketplace",),
            ),
            Route(
                "GET",
                "/api/marketplace/top-ups/{payment_id}",
                self.read_top_up,
                "read_top_up",
                "v1",
                "How a top-up stands",
                "Of one's own workspace; the service reads everybody's.",
                answer=_OBJECT,
                statuses=(403, 404, 422),
                tags=("Marketplace",),
            ),
        ]

    async def purchase(self, exchange: Exchange) -> Answer:
        """Buy a cart: for credits at once, by card as a reservation and a checkout session."""
        wanted: CartPurchase = await _decoded_body(exchange, _CART)
        by_card = wanted.payment_method == "stripe"
        exchange.verb = CARD if by_card else CREDITS
        cart = cart_of(wanted, workspace_of(exchange.principal, wanted.workspace_id))
        if by_card:
            return await self._reserve(exchange, cart)
        outcome = await self._carry(exchange, CREDITS, cart)
        receipt = _receipt(outcome, "credits", "completed", outcome["amount"])
        return _answer(outcome, receipt | {"balance": outcome["balance"]})

    async def _reserve(self, exchange: Exchange, cart: dict[str, Any]) -> Answer:
        """Reserve a cart and open its session; of a known key, tell how the purchase stands."""
        checkout = self._cards()
        outcome = await self._carry(exchange, CARD, {**cart, "mode": self._mode})
        purchase = await self._ledger.read("read_lead_purchase", outcome["purchase_id"])
        receipt = _receipt(outcome, "stripe", purchase["status"], outcome["total_price"])
        if purchase["status"] == "pending":
            payment = payment_of_purchase(purchase)
            session = await self._open(exchange, checkout, payment, "leadIds")
            until = session.reserved_until or purchase["reserved_until"]
            receipt |= {**_shown(session), "reserved_until": until}
        return _answer(outcome, receipt)

    async def top_up(self, exchange: Exchange) -> Answer:
        """Open a checkout session for credits; of a known key, tell how the top-up stands."""
        wanted: CreditsTopUp = await _decoded_body(exchange, _TOP_UP)
        workspace_id = workspace_of(exchange.principal, wanted.workspace_id)
        checkout = self._cards()
        request = {"workspace_id": workspace_id, "credits": wanted.credits, "mode": self._mode}
        outcome = await self._carry(exchange, TOP_UP, request)
        top_up = await self._ledger.read("read_top_up", outcome["payment_id"])
        receipt = {name: outcome[name] for name in ("payment_id", "credits", "amount", "currency")}
        receipt["status"] = top_up["status"]
        if top_up["status"] == "pending":
            payment = payment_of_top_up(top_up)
            receipt |= _shown(await self._open(exchange, checkout, payment, "credits"))
        return _answer(outcome, receipt)

    async def read_purchase(self, exchange: Exchange) -> Answer:
        """Answer a purchase of the caller's workspace."""
        purchase_id = uuid_of(decoded(exchange.values["purchase_id"], "id"), "id")
        found = await self._ledger.read(
            "read_lead_purchase", purchase_id, reader_of(exchange.principal)
        )
        if found is None:
            raise refused("PURCHASE_NOT_FOUND")
        return Answer(200, _encode(camel(found)))

    async def read_top_up(self, exchange: Exchange) -> Answer:
        """Answer a top-up of the caller's workspace."""
        payment_id = uuid_of(decoded(exchange.values["payment_id"], "id"), "id")
        found = await self._ledger.read("read_top_up", payment_id, reader_of(exchange.principal))
        if found is None:
            raise refused("PURCHASE_NOT_FOUND", "There is no such top-up.")
        return Answer(200, _encode(camel(found)))

    def _cards(self) -> Checkout:
        if self._checkout is None:
            raise ProblemError(503, "CARD_UNAVAILABLE", "Cards are not accepted here.")
        return self._checkout

    async def _carry(
        self, exchange: Exchange, verb: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        request = attributed(request, exchange.principal, key_of(exchange))
        outcome = await self._ledger.call(verb, request)
        if outcome.get("status") != "done":
            raise of_refusal(outcome)
        return outcome

    async def _open(
        self, exchange: Exchange, checkout: Checkout, payment: Payment, field: str
    ) -> Opened:
        """Return the payment's session, made now or before. Raises a 503 problem without one.

        `field` of the body decides the amount, should that be the reason.
        """
        try:
            return await checkout.open(payment, _returning(exchange, payment, field))
        except CardCompanyError as error:
            # What exactly it said is for the operator.
            self._log.warning(
                "no_checkout_session",
                request_id=exchange.request_id,
                payment_id=payment.id,
                message=error.sentence,
            )
            raise _unavailable(exchange, payment, error, field) from None


_CART = msgspec.json.Decoder(CartPurchase)
_TOP_UP = msgspec.json.Decoder(CreditsTopUp)


async def _decoded_body(exchange: Exchange, decoder: msgspec.json.Decoder[Any]) -> Any:
    refuse_other_media(exchange)
    return decode(decoder, await exchange.body() or b"{}")


def _returning(exchange: Exchange, payment: Payment, field: str) -> Returning:
    """Return the pages that the buyer comes back to where the settings name none: the demo's.

    Their address says what was to be paid, and whether its buyer comes from paying.
    """
    host = exchange.header(b"host")
    if not _HOST.fullmatch(host):
        return Returning("", "")
    root = str(exchange.scope.get("root_path", "")).rstrip("/")
    page = f"{exchange.scope.get('scheme', 'http')}://{host}{root}{DEMO_PAGE}"
    page += f"?{'purchase' if field == 'leadIds' else 'top_up'}={payment.id}"
    return Returning(f"{page}&session_id={{CHECKOUT_SESSION_ID}}", f"{page}&paid=no")


def _unavailable(
    exchange: Exchange, payment: Payment, error: CardCompanyError, field: str
) -> ProblemError:
    """Return the problem of a session that was not made, with what may be done about it."""
    if error.code in _AMOUNTS:
        return malformed(field, "A card is not charged so little, or so much, at once.")
    details: dict[str, Any] = {"payment_id": payment.id, "retriable": error.retriable}
    if error.code:
        details["reason"] = error.code
    if error.retriable:
        details["key"] = exchange.key
        sentence = "The card company does not answer as it should right now."
        hint = "Send the same request with the same key after a moment; what is reserved stays so."
    else:
        sentence = "The card company did not open a checkout session."
        hint = "Nothing was charged and nothing is reserved. Ask again with a new key."
    return ProblemError(503, "CARD_UNAVAILABLE", sentence, details, hint=hint)


def _receipt(
    outcome: dict[str, Any], payment_method: str, status: str, total_price: int
) -> dict[str, Any]:
    return {
        "purchase_id": outcome["purchase_id"],
        "status": status,
        "payment_method": payment_method,
        "total_price": total_price,
        "items": outcome["items"],
        "conflicts": outcome["conflicts"],
    }


def _shown(session: Opened) -> dict[str, Any]:
    address = {"checkout_url": session.url} if session.url else {}
    return {**address, "session_id": session.id}


def _answer(outcome: dict[str, Any], receipt: dict[str, Any]) -> Answer:
    headers = [(b"idempotent-replayed", b"true")] if outcome.get("replayed") else []
    return Answer(200, _encode(camel(receipt)), headers)
