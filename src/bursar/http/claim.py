"""`/functions/v1`: claims of what was bought in a store, and the use of items, for apps on phones.

A claim is granted, refused, or accepted with a 202 and carried out later: while claims are queued,
while its purchase is not known yet, and while the database is away. The transaction is its own key,
so an app may send it again as often as it likes.
"""

from typing import Any

import msgspec

from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.claim_answer import FunctionError, said_later, said_no, said_yes, word_of
from bursar.http.claim_bodies import Claimed, ItemsUsed, ItemUse, PurchaseClaim, plain_claim
from bursar.http.durable import CLAIM, DurableLedger
from bursar.http.exchange import Answer, Exchange
from bursar.http.function_metrics import FunctionMetrics
from bursar.http.function_user import user_of
from bursar.http.health import Health
from bursar.http.json_body import decode
from bursar.http.postgrest_request import key_of, refuse_other_media
from bursar.http.problem import ProblemError, malformed, of_refusal
from bursar.http.route import OwnWay, Route
from bursar.http.shop_status import ShopStatus

_CLAIM = msgspec.json.Decoder(PurchaseClaim)
_USE = msgspec.json.Decoder(ItemUse)
_TAGS = ("Shop",)
_OBJECT = {"type": "object"}


class Claims:
    """The doors of the shop of in-app purchases."""

    def __init__(
        self,
        ledger: Ledger,
        durable: DurableLedger,
        status: ShopStatus,
        health: Health,
        metrics: FunctionMetrics,
    ) -> None:
        self._ledger = ledger
        self._durable = durable
        self._status = status
        self._health = health
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes of claims, of their health, of use, and of the shop."""
        return [
            Route(
                "POST",
                "/functions/v1/claim",
                self.claim,
                CLAIM,
                "v1",
                "Claim what was bought in a store",
                "Granted once for each transaction; the same claim again is answered with the first"
                " answer. 202 says that it was accepted and is carried out later: `waits_for` is"
                ' "opening", "purchase" or "database". Refusals: 409 cap_exceeded,'
                " transaction_owned_by_other, booster_active; 403 sku_disabled;"
                " 404 unknown_transaction; 410 transaction_refunded.",
                writes=True,
                body=PurchaseClaim,
                body_example={
                    "sku": "consumable_streakshield_1",
                    "tx_id": "2000000123456789",
                    "user_id": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11",
                },
                answer=Claimed,
                statuses=(403, 404, 409, 410, 413, 415, 500),
                successes=(200, 202),
                own_way=self._own_way("claim"),
                tags=_TAGS,
            ),
            self._health_route(),
            *self._other_routes(),
        ]

    def _health_route(self) -> Route:
        return Route(
            "GET",
            "/functions/v1/claim",
            self.is_well,
            "health",
            "open",
            "Are claims well?",
            "Without a token. 200 while the database can be reached, 503 while it cannot.",
            answer=_OBJECT,
            parameters=("health",),
            statuses=(400, 503),
            own_way=OwnWay(self._say_no, FunctionError),
            tags=_TAGS,
        )

    def _other_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/functions/v1/use-item",
                self.use,
                "use_item",
                "v1",
                "Use an item",
                "An entry like any other; with an Idempotency-Key it is used once.",
                writes=True,
                body=ItemUse,
                body_example={"user_id": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"},
                answer=ItemsUsed,
                idempotent=True,
                statuses=(402, 403, 404, 413, 415, 422, 500),
                successes=(200,),
                own_way=self._own_way("use-item"),
                tags=_TAGS,
            ),
            Route(
                "GET",
                "/functions/v1/shop",
                self.shop,
                "read_shop",
                "v1",
                "A user's shop",
                "The wallet, what may be claimed and how much of each cap is used, what was"
                " claimed lately, and what was bought and not claimed.",
                answer=_OBJECT,
                parameters=("user_id",),
                statuses=(403, 500),
                own_way=OwnWay(self._say_no, FunctionError),
                tags=_TAGS,
            ),
        ]

    async def claim(self, exchange: Exchange) -> Answer:
        """Grant a claim, refuse it, or accept it for later."""
        wanted: PurchaseClaim = await _decoded(exchange, _CLAIM)
        user_id = user_of(exchange, wanted.user_id)
        request = {
            "user_id": user_id,
            **plain_claim(wanted),
            "caller": caller_of(exchange.principal),
            "actor": exchange.principal.actor,
        }
        outcome = await self._durable.claim(request)
        if outcome is None:
            return said_later("database", self._status.message)
        if outcome.get("status") != "done":
            await self._status.refresh()
            raise of_refusal(outcome)
        if outcome.get("queued"):
            await self._status.refresh()
            return said_later(outcome["queued"], self._status.message)
        replayed = bool(outcome.get("replayed"))
        told = {name: outcome[name] for name in ("tx_id", "sku", "claimed_at", "wallet")}
        return said_yes({**told, "replayed": replayed}, replayed=replayed)

    async def use(self, exchange: Exchange) -> Answer:
        """Use items of the caller's."""
        wanted: ItemUse = await _decoded(exchange, _USE)
        request = {
            "user_id": user_of(exchange, wanted.user_id),
            "asset": wanted.item,
            "amount": wanted.amount,
            "caller": caller_of(exchange.principal),
        }
        request = attributed(request, exchange.principal, key_of(exchange))
        outcome = await self._ledger.call("use_item", request)
        if outcome.get("status") != "done":
            await self._status.refresh()
            raise of_refusal(outcome)
        replayed = bool(outcome.get("replayed"))
        told = {"item": wanted.item, "amount": wanted.amount, "left": outcome["balance"]}
        return said_yes({**told, "replayed": replayed}, replayed=replayed)

    async def shop(self, exchange: Exchange) -> Answer:
        """Show the caller's shop."""
        named = dict(exchange.parameters()).get("user_id")
        shop = await self._ledger.read("read_shop", user_of(exchange, named))
        return said_yes(shop)

    async def is_well(self, exchange: Exchange) -> Answer:
        """Say whether claims can be carried out."""
        if ("health", "1") not in exchange.parameters():
            raise malformed("health", "Ask with ?health=1, or claim with POST.")
        return await self._health.health(exchange)

    def _own_way(self, function_name: str) -> OwnWay:
        def hear(answer: Answer, seconds: float) -> None:
            self._metrics.count(function_name, answer.status, seconds, word_of(answer))

        return OwnWay(self._say_no, FunctionError, hear)

    def _say_no(self, problem: ProblemError) -> Answer:
        return said_no(problem, self._status.message)


async def _decoded(exchange: Exchange, decoder: msgspec.json.Decoder[Any]) -> Any:
    refuse_other_media(exchange)
    return decode(decoder, await exchange.body() or b"{}")
