"""`/rest/v1/rpc/{function}`: functions of the schema public, called as PostgREST calls them.

The purchases are carried by the engine, in batches with everybody else's; the function of the same
name gives the same answers to those who call it in SQL.
"""

from typing import Any
from uuid import UUID

import msgspec

from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import check_plain
from bursar.http.postgrest_request import (
    invalid_json,
    key_of,
    no_such_function,
    refuse_other_media,
    refuse_other_schema,
)
from bursar.http.problem import ProblemError, malformed, of_refusal
from bursar.http.route import Route
from bursar.http.rpc_call import FunctionCalls
from bursar.ledger.parcel import AMOUNT_MAX

_encode = msgspec.json.Encoder().encode
_EXAMPLE_ID = "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"


class PurchaseReward(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of purchase_reward, by name."""

    p_reward_id: UUID
    p_collector_id: UUID
    p_expected_price: int | None = None


class PurchaseBounty(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of purchase_bounty, by name."""

    p_bounty_id: UUID
    p_collector_id: UUID


class Rpc:
    """The RPC door."""

    def __init__(self, ledger: Ledger, functions: FunctionCalls) -> None:
        self._ledger = ledger
        self._functions = functions

    def routes(self) -> list[Route]:
        """Return the routes of this door; the fixed ones answer before the general one."""
        return [
            Route(
                "POST",
                "/rest/v1/rpc/purchase_reward",
                self.purchase_reward,
                "purchase_reward",
                "postgrest",
                "Buy a reward",
                "The caller must be the collector or the service role. With an Idempotency-Key the"
                " first outcome is answered again.",
                writes=True,
                body=PurchaseReward,
                idempotent=True,
                body_example={"p_reward_id": _EXAMPLE_ID, "p_collector_id": _EXAMPLE_ID},
                answer={"type": "object"},
                statuses=(400, 402, 403, 404, 409, 415, 422, 503),
                tags=("PostgREST",),
            ),
            Route(
                "POST",
                "/rest/v1/rpc/purchase_bounty",
                self.purchase_bounty,
                "purchase_bounty",
                "postgrest",
                "Buy a reward, by the name older apps use",
                writes=True,
                body=PurchaseBounty,
                idempotent=True,
                body_example={"p_bounty_id": _EXAMPLE_ID, "p_collector_id": _EXAMPLE_ID},
                answer={"type": "object"},
                statuses=(400, 402, 403, 404, 409, 415, 422, 503),
                tags=("PostgREST",),
            ),
            Route(
                "POST",
                "/rest/v1/rpc/{function}",
                self._functions.post,
                "rpc",
                "postgrest",
                "Call a function of the schema public",
                "Arguments by name; who may call what is decided by the database.",
                body={"type": "object"},
                body_example={},
                answer={},
                statuses=(300, 400, 402, 403, 404, 406, 409, 415, 422, 503),
                tags=("PostgREST",),
            ),
            Route(
                "GET",
                "/rest/v1/rpc/{function}",
                self._functions.get,
                "rpc",
                "postgrest",
                "Call a function that only reads",
                "Arguments in the query, by name.",
                answer={},
                statuses=(300, 400, 403, 404, 405, 406, 503),
                tags=("PostgREST",),
            ),
        ]

    async def purchase_reward(self, exchange: Exchange) -> Answer:
        """Carry out `purchase_reward(p_reward_id, p_collector_id, p_expected_price)`."""
        arguments = _decode(_REWARD, await _json(exchange), "purchase_reward")
        request: dict[str, Any] = {
            "reward_id": str(arguments.p_reward_id),
            "collector_id": str(arguments.p_collector_id),
        }
        price = arguments.p_expected_price
        if price is not None:
            if not 1 <= price <= AMOUNT_MAX:
                raise malformed("p_expected_price", "It must be from 1 to 10^15.")
            request["expected_price"] = price
        return await self._purchase(exchange, request)

    async def purchase_bounty(self, exchange: Exchange) -> Answer:
        """Carry out `purchase_bounty(p_bounty_id, p_collector_id)`."""
        arguments = _decode(_BOUNTY, await _json(exchange), "purchase_bounty")
        return await self._purchase(
            exchange,
            {
                "reward_id": str(arguments.p_bounty_id),
                "collector_id": str(arguments.p_collector_id),
            },
        )

    async def _purchase(self, exchange: Exchange, request: dict[str, Any]) -> Answer:
        principal = exchange.principal
        if principal.role == "anon":
            raise ProblemError(
                401,
                "NOT_AUTHORIZED",
                "Sign in to buy.",
                headers=[(b"www-authenticate", b"Bearer")],
            )
        request["caller"] = caller_of(principal)
        request = attributed(request, principal, key_of(exchange))
        outcome = await self._ledger.call("purchase_reward", request)
        if outcome.get("status") != "done":
            raise of_refusal(outcome)
        headers = [(b"idempotent-replayed", b"true")] if outcome.get("replayed") else []
        return Answer(200, _encode(outcome), headers)


_REWARD = msgspec.json.Decoder(PurchaseReward)
_BOUNTY = msgspec.json.Decoder(PurchaseBounty)


async def _json(exchange: Exchange) -> bytes:
    refuse_other_schema(exchange, b"content-profile")
    refuse_other_media(exchange)
    return await exchange.body()


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes, function: str) -> Any:
    """Decode the arguments; complain as PostgREST does about names, as we do about amounts."""
    try:
        arguments = decoder.decode(body or b"{}")
        check_plain(body or b"{}")
    except msgspec.ValidationError as error:
        raise _complaint(str(error), function) from None
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
            raise invalid_json() from None
        raise malformed("", str(error)[:200]) from None
    return arguments


def _complaint(text: str, function: str) -> ProblemError:
    if "unknown field" in text or "missing required field" in text:
        return no_such_function(function)
    _, _, where = text.partition("$.")
    field = where.rstrip("`")
    if field.endswith("_id"):
        return ProblemError(
            400, "22P02", "invalid input syntax for type uuid", f"The argument {field} is no uuid."
        )
    if not field:
        return ProblemError(400, "PGRST102", "The body must be a JSON object of named arguments.")
    return malformed(field, "It must be a whole number from 1 to 10^15.")
