"""Calling any function of the schema public by its named arguments, in one round trip."""

from typing import Any

import msgspec
import psycopg
from psycopg import sql

from bursar.http.catalogue import Catalogue, Function
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import check_plain
from bursar.http.postgrest_request import (
    SHAPING,
    invalid_json,
    no_such_function,
    not_one_row,
    refuse_other_media,
    refuse_other_schema,
    refuse_shaping,
    wants_object,
)
from bursar.http.problem import ProblemError, malformed, refused
from bursar.http.role_session import RoleSession
from bursar.http.route import decoded
from bursar.ledger.pause import Pause

_encode = msgspec.json.Encoder().encode


class FunctionCalls:
    """Finds a function in the catalogue, calls it as the caller's role, and shapes the answer."""

    def __init__(self, session: RoleSession, catalogue: Catalogue, *, pause: Pause) -> None:
        self._session = session
        self._catalogue = catalogue
        self._pause = pause

    async def post(self, exchange: Exchange) -> Answer:
        """Call with the arguments of the JSON body; {} when there are none."""
        refuse_other_schema(exchange, b"content-profile")
        refuse_other_media(exchange)
        one = wants_object(exchange)
        refuse_shaping(exchange)
        body = await exchange.body()
        given = _argument_names(body)
        function = await self._find(exchange, given)
        if function.volatile and b"idempotency-key" in exchange.headers:
            raise ProblemError(
                400,
                "PGRST100",
                f"The function {function.name} cannot promise to run once.",
                hint="Send the request without an Idempotency-Key.",
            )
        if self._pause and function.volatile:
            raise refused("DEGRADED")
        return await self._call(
            exchange, function, given, body.decode(), one=one, read_only=not function.volatile
        )

    async def get(self, exchange: Exchange) -> Answer:
        """Call with the arguments of the query, in a transaction that cannot write."""
        refuse_other_schema(exchange, b"accept-profile")
        one = wants_object(exchange)
        refuse_shaping(exchange)
        arguments: dict[str, Any] = {}
        for name, value in exchange.parameters():
            if name in SHAPING:
                continue
            if name in arguments:
                raise ProblemError(400, "PGRST100", f"The argument {name[:63]} appears twice.")
            arguments[name] = value
        function = await self._find(exchange, set(arguments))
        if function.volatile:
            raise ProblemError(
                405,
                "25006",
                "This function may change something; call it with POST.",
                headers=[(b"allow", b"POST")],
            )
        for argument in function.arguments:
            if argument.name in arguments and argument.type in ("json", "jsonb"):
                try:
                    arguments[argument.name] = check_plain(arguments[argument.name].encode())
                except ValueError:
                    raise invalid_json() from None
        text = _encode(arguments).decode()
        return await self._call(exchange, function, set(arguments), text, one=one, read_only=True)

    async def _find(self, exchange: Exchange, given: set[str]) -> Function:
        name = decoded(exchange.values["function"], "function")
        candidates = await self._catalogue.functions(name)
        fitting = [function for function in candidates if function.fits(given)]
        if not fitting:
            raise no_such_function(name)
        if len(fitting) > 1:
            raise ProblemError(
                300,
                "PGRST203",
                f"Could not choose the best candidate function of {name}",
                hint="Give the functions different names, or different argument names.",
            )
        return fitting[0]

    async def _call(
        self,
        exchange: Exchange,
        function: Function,
        given: set[str],
        arguments: str,
        *,
        one: bool,
        read_only: bool,
    ) -> Answer:
        statement = statement_of(function, given)
        try:
            text, rows = await self._session.run(
                exchange.principal,
                statement,
                (arguments,) if given else (),
                read_only=read_only,
                check=_one_row if one and function.shape == "set" else None,
            )
        except psycopg.errors.UndefinedFunction as error:
            if error.diag.context:  # Something inside the function is missing: not our caller's.
                raise
            raise no_such_function(function.name) from None
        if function.shape == "void":
            return Answer(204)
        if function.shape == "set":
            if one:
                return Answer(200, text[1:-1].strip().encode())
            last = f"0-{rows - 1}" if rows else "*"
            return Answer(200, text.encode(), [(b"content-range", f"{last}/*".encode())])
        return Answer(200, b"null" if text is None else text.encode())


def statement_of(function: Function, given: set[str]) -> sql.Composed:
    """Compose the call. PostgreSQL itself turns the JSON into the arguments' types.

    The answer is one row: the result as JSON text, and the number of rows it has.
    """
    used = [argument for argument in function.arguments if argument.name in given]
    call = sql.SQL("{}.{}({})").format(
        sql.Identifier("public"),
        sql.Identifier(function.name),
        sql.SQL(", ").join(
            sql.SQL("{0} => args.{0}").format(sql.Identifier(argument.name)) for argument in used
        ),
    )
    source: sql.Composable = sql.SQL("")
    if used:
        # Types come from the catalogue, where format_type has written them as SQL.
        source = sql.SQL("json_to_record(%s::json) AS args({})").format(
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(
                    sql.Identifier(argument.name), sql.SQL(argument.type.replace("%", "%%"))
                )
                for argument in used
            )
        )
    if function.shape in ("set", "row"):
        comma = sql.SQL(" CROSS JOIN LATERAL " if used else "")
        shown = sql.SQL(
            "coalesce(json_agg(_result), '[]')::text, count(*)"
            if function.shape == "set"
            else "to_json(_result)::text, 1"
        )
        return sql.SQL("SELECT {} FROM {}{}{} AS _result").format(shown, source, comma, call)
    made = sql.SQL("{}, 1" if function.shape == "void" else "to_json({})::text, 1").format(call)
    return sql.SQL("SELECT {}{}{}").format(made, sql.SQL(" FROM " if used else ""), source)


def _one_row(row: tuple[Any, ...]) -> None:
    if row[1] != 1:
        raise not_one_row(row[1])


def _argument_names(body: bytes) -> set[str]:
    if not body:
        return set()
    try:
        msgspec.json.decode(body)
        arguments = check_plain(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_json() from None
    except ValueError as error:
        raise malformed("", str(error)[:200]) from None
    if not isinstance(arguments, dict):
        raise ProblemError(400, "PGRST102", "The body must be a JSON object of named arguments.")
    return set(arguments)
