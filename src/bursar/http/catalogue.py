"""What the schema public holds: tables with columns and foreign keys, and functions.

Names that arrive over HTTP are looked up here and nowhere else; what is not in the catalogue never
reaches a statement. Read from the database when something unknown is asked for, at most once a
second, so that a new table is found without a restart and nobody can make us read it all day.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg import sql

from bursar.http.role_session import RoleSession

REFRESH_SECONDS_MIN = 1.0
# What is there is read again after this long, because columns and arguments may change.
KEEP_SECONDS = 60.0
OBJECTS_MAX = 2000


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to one row of `target`: pairs of (column here, column there)."""

    name: str
    target: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. `columns` maps each column's name to its type as SQL writes it."""

    name: str
    columns: dict[str, str]
    foreign_keys: tuple[ForeignKey, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """A named argument; `type` is as SQL writes it."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Function:
    """One function; `shape` says what it returns."""

    name: str
    arguments: tuple[Argument, ...]
    shape: str
    volatile: bool

    def fits(self, given: set[str]) -> bool:
        """Say whether it can be called with just these arguments."""
        names = {argument.name for argument in self.arguments}
        return given <= names and all(
            argument.name in given for argument in self.arguments if argument.required
        )


_TABLES = sql.SQL("""
SELECT c.relname,
       (SELECT json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
          FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text,
       coalesce((SELECT json_agg(json_build_array(k.conname, t.relname,
                    (SELECT json_agg(json_build_array(ca.attname, ta.attname) ORDER BY p.place)
                       FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS p(here, there, place)
                       JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = p.here
                       JOIN pg_attribute ta ON ta.attrelid = k.confrelid AND ta.attnum = p.there))
                    ORDER BY k.conname)
          FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
         WHERE k.conrelid = c.oid AND k.contype = 'f'
           AND t.relnamespace = c.relnamespace), '[]')::text
  FROM pg_class c
 WHERE c.relnamespace = to_regnamespace('public') AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
 ORDER BY c.relname
 LIMIT {limit}
""").format(limit=sql.Literal(OBJECTS_MAX))

_FUNCTIONS = sql.SQL("""
SELECT p.proname,
       coalesce((SELECT json_agg(json_build_array(p.proargnames[i], format_type(t, NULL),
                                                  i <= p.pronargs - p.pronargdefaults)
                                 ORDER BY i)
          FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(t, i)), '[]')::text,
       CASE WHEN p.prorettype = 'void'::regtype THEN 'void'
            WHEN p.proretset THEN 'set'
            WHEN t.typtype = 'c' OR p.prorettype = 'record'::regtype THEN 'row'
            ELSE 'scalar' END,
       p.provolatile = 'v'
  FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
 WHERE p.pronamespace = to_regnamespace('public') AND p.prokind = 'f' AND p.provariadic = 0
   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
   AND (p.pronargs = 0 OR p.proargnames IS NOT NULL)
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY p.proname, p.oid
 LIMIT {limit}
""").format(limit=sql.Literal(OBJECTS_MAX))


class Catalogue:
    """A cached copy of the schema's names and types."""

    def __init__(self, session: RoleSession) -> None:
        self._session = session
        self._tables: dict[str, Table] = {}
        self._functions: dict[str, list[Function]] = {}
        self._read_at = -KEEP_SECONDS
        self._lock = asyncio.Lock()

    async def table(self, name: str) -> Table | None:
        """Return the table or view of that name, or None."""
        await self._refresh(known=name in self._tables)
        return self._tables.get(name)

    async def functions(self, name: str) -> list[Function]:
        """Return the functions of that name; more than one is an overload."""
        await self._refresh(known=name in self._functions)
        return self._functions.get(name, [])

    async def refresh_for(self, table: Table) -> Table | None:
        """Look again, because a column was asked for that `table` did not have."""
        await self._refresh(known=False)
        return self._tables.get(table.name)

    async def _refresh(self, *, known: bool) -> None:
        wait = KEEP_SECONDS if known else REFRESH_SECONDS_MIN
        if time.monotonic() - self._read_at < wait:
            return
        async with self._lock:
            if time.monotonic() - self._read_at < wait:
                return
            tables = await self._session.query(_TABLES)
            functions = await self._session.query(_FUNCTIONS)
            self._tables = {str(row[0]): _table(row) for row in tables}
            self._functions = {}
            for row in functions:
                self._functions.setdefault(str(row[0]), []).append(_function(row))
            self._read_at = time.monotonic()


def _table(row: tuple[Any, ...]) -> Table:
    keys = msgspec.json.decode(row[2], type=list[tuple[str, str, list[tuple[str, str]]]])
    return Table(
        str(row[0]),
        msgspec.json.decode(row[1] or b"{}", type=dict[str, str]),
        tuple(ForeignKey(name, target, tuple(pairs)) for name, target, pairs in keys),
    )


def _function(row: tuple[Any, ...]) -> Function:
    arguments = msgspec.json.decode(row[1], type=list[tuple[str, str, bool]])
    return Function(
        str(row[0]),
        tuple(Argument(*argument) for argument in arguments),
        str(row[2]),
        bool(row[3]),
    )
