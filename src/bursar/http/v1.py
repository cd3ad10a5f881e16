"""`/v1`: every verb of the ledger over plain HTTP, with problem bodies that say what went wrong.

Changes are the service's to make. A signed-in user may buy for themselves and read what is theirs.
"""

from itertools import groupby
from typing import Any

import msgspec

from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import decode
from bursar.http.postgrest_request import KEY_LENGTH_MAX, key_of, refuse_other_media
from bursar.http.problem import malformed, of_refusal, refused
from bursar.http.route import Handler, Route, decoded
from bursar.http.v1_bodies import (
    Adjust,
    Batch,
    Capture,
    Freeze,
    Grant,
    Hold,
    Purchase,
    Refund,
    Release,
    Spend,
    Transfer,
)
from bursar.model import Outcome

_encode = msgspec.json.Encoder().encode
_ID = "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"
_WALLET = {"owner_id": _ID, "asset": "credit", "amount": 60}
_STATUSES = (401, 402, 403, 404, 409, 413, 415, 422, 503)

# Address, verb, body, what it is for, an example.
_VERBS: tuple[tuple[str, str, type[msgspec.Struct], str, dict[str, Any]], ...] = (
    ("/v1/grants", "grant", Grant, "Put an amount into a wallet", _WALLET),
    ("/v1/spends", "spend", Spend, "Take an amount from a wallet", _WALLET),
    (
        "/v1/transfers",
        "transfer",
        Transfer,
        "Move an amount between wallets",
        {**_WALLET, "to_owner_id": "0b0f5a86-57a4-4a3f-8d0c-9d3c7e5f1a22"},
    ),
    ("/v1/holds", "hold", Hold, "Set an amount aside", {**_WALLET, "expires_in_seconds": 600}),
    ("/v1/holds/{id}/capture", "capture", Capture, "Take what was held", {"amount": 40}),
    ("/v1/holds/{id}/release", "release", Release, "Give back what was held", {}),
    ("/v1/refunds", "refund", Refund, "Give back what was charged", {"transaction_id": 1}),
    (
        "/v1/adjustments",
        "adjust",
        Adjust,
        "Correct a wallet by hand",
        {**_WALLET, "amount": -5, "reason": "counted twice"},
    ),
    (
        "/v1/freezes",
        "freeze",
        Freeze,
        "Freeze, close or open a wallet",
        {"owner_id": _ID, "asset": "credit", "wallet_status": "frozen"},
    ),
)


class V1:
    """The verbs. Its reads are in `v1_reads`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def routes(self) -> list[Route]:
        """Return the routes of the verbs, of purchases and of batches."""
        routes = [
            Route(
                "POST",
                path,
                self._verb_handler(verb, body),
                verb,
                "v1",
                summary,
                "For the service role. 201 for a new effect; 200 with `Idempotent-Replayed: true`"
                " when the key was known and this is the first outcome again.",
                writes=True,
                body=body,
                body_example=example,
                answer=Outcome,
                idempotent=True,
                statuses=_STATUSES,
                tags=("Ledger",),
            )
            for path, verb, body, summary, example in _VERBS
        ]
        return [
            *routes,
            Route(
                "POST",
                "/v1/purchases",
                self.purchase,
                "purchase_reward",
                "v1",
                "Buy a reward",
                "For the service role, and for signed-in users who buy for themselves.",
                writes=True,
                body=Purchase,
                body_example={"reward_id": _ID, "expected_price": 60},
                answer=Outcome,
                idempotent=True,
                statuses=_STATUSES,
                tags=("Rewards",),
            ),
            Route(
                "POST",
                "/v1/batch",
                self.batch,
                "batch",
                "v1",
                "Many requests, one answer each",
                "For the service role. Requests are independent and carried out as if in order;"
                " each has its own outcome. A key in the header stands for every request without"
                " its own, with the request's place appended.",
                writes=True,
                body=Batch,
                body_example={"requests": [{"verb": "grant", **_WALLET}]},
                answer={
                    "type": "object",
                    "required": ["outcomes"],
                    "properties": {"outcomes": {"type": "array", "items": {"type": "object"}}},
                },
                idempotent=True,
                statuses=_STATUSES,
                tags=("Ledger",),
            ),
        ]

    def _verb_handler(self, verb: str, body: type[msgspec.Struct]) -> Handler:
        decoder = msgspec.json.Decoder(body)

        async def handle(exchange: Exchange) -> Answer:
            service_only(exchange)
            request = _as_request(await _decoded_body(exchange, decoder))
            if "id" in exchange.values:
                request["hold_id"] = path_id(exchange, "id")
            if request.get("amount") == 0:
                raise malformed("amount", "It must not be zero.")
            return await self._carry(exchange, verb, request)

        return handle

    async def purchase(self, exchange: Exchange) -> Answer:
        """Carry out `purchase_reward` for the collector, by default the caller."""
        principal = exchange.principal
        wanted = await _decoded_body(exchange, _PURCHASE)
        request = _as_request(wanted)
        if "collector_id" not in request:
            if principal.is_service:
                raise malformed("collector_id", "The service must name the collector.")
            request["collector_id"] = principal.sub
        request["caller"] = caller_of(principal)
        return await self._carry(exchange, "purchase_reward", request)

    async def batch(self, exchange: Exchange) -> Answer:
        """Carry out up to 500 requests."""
        service_only(exchange)
        key = key_of(exchange)
        if len(key) > KEY_LENGTH_MAX - 4:
            complaint = f"For a batch it must have at most {KEY_LENGTH_MAX - 4} characters."
            raise malformed("Idempotency-Key", complaint)
        batch = await _decoded_body(exchange, _BATCH)
        requests: list[dict[str, Any]] = []
        for place, item in enumerate(batch.requests):
            request = _as_request(item)
            if request.get("amount") == 0:
                raise malformed(f"requests[{place}].amount", "It must not be zero.")
            if request["verb"] == "purchase_reward":
                if "collector_id" not in request:
                    raise malformed(f"requests[{place}].collector_id", "It must be named.")
                request["caller"] = caller_of(exchange.principal)
            own = request.get("key") or f"{key}:{place}"
            requests.append(attributed(request, exchange.principal, own))
        outcomes = await self._carry_batch(requests)
        answer = Answer(200, _encode({"outcomes": outcomes}))
        answer.counted = [
            (request["verb"], _counted_as(outcome), outcome.get("replayed") is True)
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
        return answer

    async def _carry_batch(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Carry out runs of ledger verbs and of purchases, in order, each run as one batch."""
        outcomes: list[dict[str, Any]] = []
        for is_purchase, run in groupby(requests, lambda item: item["verb"] == "purchase_reward"):
            if is_purchase:
                bare = [{k: v for k, v in item.items() if k != "verb"} for item in run]
                outcomes += await self._ledger.call_batch("purchase_reward", bare)
            else:
                outcomes += await self._ledger.call_batch("batch", list(run))
        return outcomes

    async def _carry(self, exchange: Exchange, verb: str, request: dict[str, Any]) -> Answer:
        request = attributed(request, exchange.principal, key_of(exchange))
        outcome = await self._ledger.call(verb, request)
        if outcome.get("status") != "done":
            raise of_refusal(outcome)
        if outcome.get("replayed"):
            return Answer(200, _encode(outcome), [(b"idempotent-replayed", b"true")])
        return Answer(201, _encode(outcome))


_PURCHASE = msgspec.json.Decoder(Purchase)
_BATCH = msgspec.json.Decoder(Batch)


def _counted_as(outcome: dict[str, Any]) -> str:
    status = outcome.get("status")
    if status == "done":
        return "done"
    code = {"unknown": "OUTCOME_UNKNOWN", "fault": "FAULT"}.get(str(status))
    return code or str(outcome.get("code", "FAULT"))


async def _decoded_body(exchange: Exchange, decoder: msgspec.json.Decoder[Any]) -> Any:
    refuse_other_media(exchange)
    return decode(decoder, await exchange.body() or b"{}")


def _as_request(body: Any) -> dict[str, Any]:
    """Return the fields that were sent; what was left out is the database's default."""
    request: dict[str, Any] = {
        name: value for name, value in msgspec.to_builtins(body).items() if value is not None
    }
    return request


def service_only(exchange: Exchange) -> None:
    """Raise 403 unless the service role asks."""
    if not exchange.principal.is_service:
        raise refused("NOT_AUTHORIZED", "Only the service role may do this.")


def path_id(exchange: Exchange, name: str) -> int:
    """Return a numeric id of the path. Raises a 422 problem when it is none."""
    text = decoded(exchange.values[name], name)
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) < 2**63):
        raise malformed(name, "It must be a whole number.")
    return int(text)
