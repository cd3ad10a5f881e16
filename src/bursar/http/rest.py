"""`/rest/v1/{table}`: tables and views of the schema public, read and written as with PostgREST.

Everything runs as the caller's role: grants and row-level security decide what can be seen and
changed, and the ledger's guards hold here as against any other SQL.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg import sql

from bursar.http.catalogue import Catalogue, Table
from bursar.http.exchange import Answer, Exchange
from bursar.http.json_body import check_plain
from bursar.http.postgrest_request import (
    invalid_json,
    not_one_row,
    preferences,
    refuse_other_media,
    refuse_other_schema,
    wants_object,
)
from bursar.http.problem import ProblemError, malformed
from bursar.http.query import ROWS_MAX, Query, not_understood, parse
from bursar.http.rest_statement import (
    UnknownColumnError,
    insert_statement,
    select_statement,
    update_statement,
)
from bursar.http.role_session import RoleSession
from bursar.http.route import Route, decoded

T = TypeVar("T")
_PATH = "/rest/v1/{table}"
# Views of entries, which never change. Balances are read here right after they were written.
_HISTORY = frozenset({"credit_transactions"})
_STATUSES = (300, 400, 403, 404, 405, 406, 409, 415, 416, 422)


class Rest:
    """The tables' door."""

    def __init__(
        self,
        session: RoleSession,
        catalogue: Catalogue,
        *,
        replica: RoleSession | None = None,
        replica_is_close: Callable[[], bool] = bool,
    ) -> None:
        self._session = session
        self._catalogue = catalogue
        self._replica = replica
        self._replica_is_close = replica_is_close

    def routes(self) -> list[Route]:
        """Return the routes of this door."""
        rows = {"type": "array", "items": {"type": "object"}}
        return [
            Route(
                "GET",
                _PATH,
                self.read,
                "rest_read",
                "postgrest",
                "Read rows",
                "Filters are parameters: `cost=lte.60`, `id=in.(a,b)`, `is_active=is.true`,"
                " `name=not.ilike.*old*`. At most 1000 rows.",
                parameters=("select", "order", "row_limit", "offset", "prefer"),
                answer=rows,
                statuses=_STATUSES,
                tags=("PostgREST",),
            ),
            Route(
                "POST",
                _PATH,
                self.insert,
                "rest_insert",
                "postgrest",
                "Insert rows",
                "One object, or an array of objects with the same keys. The rows are answered when"
                " `Prefer: return=representation` asks for them.",
                writes=True,
                body={"oneOf": [{"type": "object"}, rows]},
                body_example={"name": "Sticker", "cost": 60},
                parameters=("select", "prefer"),
                answer=rows,
                statuses=_STATUSES,
                tags=("PostgREST",),
            ),
            Route(
                "PATCH",
                _PATH,
                self.update,
                "rest_update",
                "postgrest",
                "Change rows",
                "Sets the body's columns in the rows that pass the filters.",
                writes=True,
                body={"type": "object"},
                body_example={"is_active": False},
                parameters=("select", "prefer"),
                answer=rows,
                statuses=_STATUSES,
                tags=("PostgREST",),
            ),
        ]

    async def read(self, exchange: Exchange) -> Answer:
        """Answer the rows that pass the filters and that the role may see."""
        refuse_other_schema(exchange, b"accept-profile")
        one = wants_object(exchange)
        query = parse(exchange.parameters(), exchange.header(b"range"))
        count = preferences(exchange).get("count") in ("exact", "planned", "estimated")
        statement, values = await self._composed(
            exchange,
            lambda table: select_statement(self._catalogue, table, query, count=count),
        )
        text, rows, total = await self._select(exchange, statement, values)
        if total is not None and query.offset > total:
            raise ProblemError(
                416,
                "PGRST103",
                "Requested range not satisfiable",
                f"An offset of {query.offset} was requested, but there are only {total} rows.",
                headers=[(b"content-range", f"*/{total}".encode())],
            )
        if one and rows != 1:
            raise not_one_row(rows)
        headers = [_content_range(query.offset, rows, total)]
        if one:
            return Answer(200, text[1:-1].strip().encode(), [*headers, _OBJECT])
        status = 206 if total is not None and rows < total else 200
        return Answer(status, text.encode(), headers)

    async def _select(
        self, exchange: Exchange, statement: sql.Composed, values: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Read history from a replica that is close, everything else from the primary."""
        if (
            self._replica is not None
            and exchange.values["table"] in _HISTORY
            and self._replica_is_close()
        ):
            with contextlib.suppress(ProblemError, psycopg.Error):
                row = await self._replica.run(exchange.principal, statement, values, read_only=True)
                if row[1]:  # What is not there may only not have arrived there yet.
                    return row
        return await self._session.run(exchange.principal, statement, values, read_only=True)

    async def insert(self, exchange: Exchange) -> Answer:
        """Insert one row or many."""
        one, representation, query = self._for_change(exchange)
        if query.filters or query.orders:
            raise not_understood("An insert has no filters.")
        body = _array(await exchange.body())
        columns = _same_columns(body, query)

        async def compose(table: Table) -> Any:
            return insert_statement(table, columns, query, representation=representation)

        statement = await self._composed(exchange, compose)
        values = [msgspec.json.encode(body).decode()] if columns else []
        text, rows = await self._session.run(
            exchange.principal,
            statement,
            values,
            read_only=False,
            check=_one_row if one else None,
        )
        return _changed_answer(201, text, rows, one=one)

    async def update(self, exchange: Exchange) -> Answer:
        """Change the rows that pass the filters."""
        one, representation, query = self._for_change(exchange)
        if query.orders:
            raise not_understood("An update has no order.")
        body = _parsed(await exchange.body())
        if not isinstance(body, dict):
            raise ProblemError(400, "PGRST102", "The body must be one JSON object.")

        async def compose(table: Table) -> Any:
            return update_statement(table, list(body), query, representation=representation)

        statement, values = await self._composed(exchange, compose)
        text, rows = await self._session.run(
            exchange.principal,
            statement,
            [msgspec.json.encode(body).decode(), *values],
            read_only=False,
            check=_one_row if one else None,
        )
        return _changed_answer(200 if representation else 204, text, rows, one=one)

    def _for_change(self, exchange: Exchange) -> tuple[bool, bool, Query]:
        refuse_other_schema(exchange, b"content-profile")
        refuse_other_media(exchange)
        one = wants_object(exchange)
        wanted = preferences(exchange)
        if "resolution" in wanted:
            raise not_understood("Upserts are not supported.")
        return one, wanted.get("return") == "representation", parse(exchange.parameters())

    async def _composed(self, exchange: Exchange, compose: Callable[[Table], Awaitable[T]]) -> T:
        """Compose for the table of the path; look at the catalogue again for an unknown column."""
        name = decoded(exchange.values["table"], "table")
        table = await self._catalogue.table(name)
        if table is None:
            raise ProblemError(
                404,
                "PGRST205",
                f"Could not find the table 'public.{name[:63]}' in the schema cache",
            )
        try:
            return await compose(table)
        except UnknownColumnError:
            again = await self._catalogue.refresh_for(table)
            if again is None or again == table:
                raise
            return await compose(again)


_OBJECT = (b"content-type", b"application/vnd.pgrst.object+json; charset=utf-8")


def _content_range(offset: int, rows: int, total: int | None) -> tuple[bytes, bytes]:
    part = f"{offset}-{offset + rows - 1}" if rows else "*"
    return b"content-range", f"{part}/{'*' if total is None else total}".encode()


def _one_row(row: tuple[Any, ...]) -> None:
    if row[1] != 1:
        raise not_one_row(row[1])


def _changed_answer(status: int, text: str | None, rows: int, *, one: bool) -> Answer:
    headers = [(b"content-range", f"*/{rows}".encode())]
    if text is None:
        return Answer(status, b"", headers)
    if one:
        return Answer(status, text[1:-1].strip().encode(), [*headers, _OBJECT])
    return Answer(status, text.encode(), headers)


def _parsed(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
        check_plain(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_json() from None
    except ValueError as error:
        raise malformed("", str(error)[:200]) from None
    return value


def _array(body: bytes) -> list[dict[str, Any]]:
    value = _parsed(body)
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise ProblemError(400, "PGRST102", "The body must be a JSON object or an array of them.")
    if not 1 <= len(rows) <= ROWS_MAX:
        raise ProblemError(400, "PGRST102", f"Insert 1 to {ROWS_MAX} rows at once.")
    return rows


def _same_columns(rows: list[dict[str, Any]], query: Query) -> list[str]:
    if query.body_columns is not None:
        return list(query.body_columns)
    columns = list(rows[0])
    if any(set(row) != set(columns) for row in rows):
        raise ProblemError(400, "PGRST102", "All object keys must match")
    if not columns and len(rows) > 1:
        raise ProblemError(400, "PGRST102", "Rows without a column are inserted one by one.")
    return columns
