"""`/rest/v1/rpc/{function}`: functions of the schema public, called as PostgREST calls them.

Those that are verbs are carried by the engine, in batches with everybody else's and under their
Idempotency-Key; the function of the same name gives the same answers to those who call it in SQL.
"""

import functools
from typing import Any
from uuid import UUID

import msgspec

from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.carried_functions import CARRIED, Carried
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
from bursar.ledger.answer import is_away
from bursar.ledger.parcel import AMOUNT_MAX

_encode = msgspec.json.Encoder().encode
_DECODERS = {carried.name: msgspec.json.Decoder(carried.arguments) for carried in CARRIED}


class Rpc:
    """The RPC door."""

    def __init__(
        self, ledger: Ledger, functions: FunctionCalls, *, card_mode: str | None = None
    ) -> None:
        """`card_mode` is whether live or test money pays, where this service has a card key."""
        self._ledger = ledger
        self._card_mode = card_mode
        self._functions = functions

    def routes(self) -> list[Route]:
        """Return the routes of this door; the fixed ones answer before the general one."""
        return [
            *(self._carried_route(carried) for carried in CARRIED),
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

    def _carried_route(self, carried: Carried) -> Route:
        return Route(
            "POST",
            f"/rest/v1/rpc/{carried.name}",
            functools.partial(self._post, carried),
            carried.verb,
            "postgrest",
            carried.summary,
            carried.description,
            writes=True,
            body=carried.arguments,
            idempotent=True,
            body_example=carried.example,
            answer={"type": "object"},
            statuses=carried.statuses,
            tags=("PostgREST",),
        )

    async def _post(self, carried: Carried, exchange: Exchange) -> Answer:
        """Carry a function out as the verb that it is."""
        principal = exchange.principal
        if carried.service_only and not principal.is_service:
            exchange.values = {"function": carried.name}
            return await self._functions.post(exchange)
        arguments = _decode(carried, await _json(exchange))
        if principal.role == "anon":
            raise ProblemError(
                401,
                "NOT_AUTHORIZED",
                "Sign in to buy.",
                headers=[(b"www-authenticate", b"Bearer")],
            )
        request = _request_of(arguments)
        if not carried.service_only:
            request["caller"] = caller_of(principal)
        if carried.by_card and self._card_mode:
            request["mode"] = self._card_mode
        request = attributed(request, principal, key_of(exchange))
        return _answer(carried, await self._ledger.call(carried.verb, request))


def _answer(carried: Carried, outcome: dict[str, Any]) -> Answer:
    """Answer an outcome as the function does; what it knows nothing of is an error: a key, a
    database that is away, and that it is not there itself."""
    if outcome.get("status") != "done" and (
        carried.raises
        or outcome.get("code") in ("IDEMPOTENCY_MISMATCH", "APP_DOWN")
        or is_away(outcome)
    ):
        raise of_refusal(outcome)
    headers = [(b"idempotent-replayed", b"true")] if outcome.get("replayed") else []
    return Answer(200, _encode(outcome), headers, code=str(outcome.get("code", "done")))


def _request_of(arguments: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of the verb that were given."""
    given = {name: getattr(arguments, name) for name in arguments.__struct_fields__}
    price = given.get("expected_price")
    if price is not None and not 1 <= price <= AMOUNT_MAX:
        raise malformed("p_expected_price", "It must be from 1 to 10^15.")
    return {name: _plain(value) for name, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


async def _json(exchange: Exchange) -> bytes:
    refuse_other_schema(exchange, b"content-profile")
    refuse_other_media(exchange)
    return await exchange.body()


def _decode(carried: Carried, body: bytes) -> Any:
    """Decode the arguments; complain as PostgREST does about names, as we do about amounts."""
    try:
        arguments = _DECODERS[carried.name].decode(body or b"{}")
        check_plain(body or b"{}")
    except msgspec.ValidationError as error:
        raise _complaint(str(error), carried.name) from None
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
            raise invalid_json() from None
        raise malformed("", str(error)[:200]) from None
    return arguments


def _complaint(text: str, function: str) -> ProblemError:
    if "unknown field" in text or "missing required field" in text:
        return no_such_function(function)
    what, _, where = text.partition(" - at `$.")
    field = where.rstrip("`")
    if "uuid" in what.lower():
        return ProblemError(
            400, "22P02", "invalid input syntax for type uuid", f"The argument {field} is no uuid."
        )
    if not field:
        return ProblemError(400, "PGRST102", "The body must be a JSON object of named arguments.")
    return malformed(field, f"{what}.")
