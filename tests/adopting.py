"""What the tests of adoption share: an app's own table, and what is to be true of it."""

import asyncio
import json
import uuid
from typing import Any

import psycopg
from psycopg import sql

from bursar.adoption import Wish, apply_adoption, give_back, standing
from bursar.db.scratch import ScratchDatabase
from bursar.ops.audit.run import run_audit
from bursar.settings import Settings

WISH = Wish(asset="point", table="public.points", owner="member", balance="amount")
# The table as its app made it: a key, a default, a habit of its own, and nothing of the ledger's.
TABLE = """
    CREATE TABLE public.points (
        member text PRIMARY KEY,
        amount bigint NOT NULL DEFAULT 0,
        nick text NOT NULL DEFAULT ''
    )"""
SHAPE = """
    SELECT jsonb_build_object(
        'columns', (SELECT jsonb_agg(jsonb_build_array(attname, atttypid::regtype, attnotnull,
                pg_get_expr(d.adbin, d.adrelid)) ORDER BY attnum)
            FROM pg_attribute AS a
            LEFT JOIN pg_attrdef AS d ON (adrelid, adnum) = (attrelid, attnum)
            WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped),
        'constraints', (SELECT jsonb_agg(jsonb_build_array(conname, pg_get_constraintdef(oid))
            ORDER BY conname) FROM pg_constraint WHERE conrelid = %(table)s::regclass),
        'triggers', (SELECT jsonb_agg(pg_get_triggerdef(oid) ORDER BY tgname) FROM pg_trigger
            WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal),
        'policies', (SELECT count(*) FROM pg_policy WHERE polrelid = %(table)s::regclass),
        'rights', (SELECT coalesce(relacl, acldefault('r', relowner))::text FROM pg_class
            WHERE oid = %(table)s::regclass))"""


def one(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    """The one value that a query answers."""
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def points(database: ScratchDatabase) -> psycopg.Connection[Any]:
    """Make the app's table with three members; return a connection as its owner."""
    admin = database.connect()
    admin.execute(TABLE.encode())
    admin.execute("INSERT INTO public.points VALUES ('ann', 100), ('bob', 0), ('cid', 7)")
    return admin


def findings(database: ScratchDatabase) -> list[str]:
    """What the audit finds, by invariant."""
    report = asyncio.run(run_audit(database.url, Settings()))
    return [verdict.invariant.name for verdict in report.verdicts if not verdict.holds]


def shape(connection: psycopg.Connection[Any], table: str = "public.points") -> Any:
    """Everything of a table that adopting it could change, but its rows."""
    row = connection.execute(SHAPE.encode(), {"table": table}).fetchone()
    assert row is not None
    return row[0]


def balances(connection: psycopg.Connection[Any], table: str = "points") -> dict[str, int]:
    """Owners and balances, as the app reads them."""
    query = sql.SQL("SELECT member::text, amount FROM public.{}").format(sql.Identifier(table))
    return dict(connection.execute(query).fetchall())


def agreement(database: ScratchDatabase, asset: str = "point") -> dict[str, Any]:
    """The comparison of column and entries; they must agree."""
    [found] = standing(database.url, asset)
    told: dict[str, Any] = found["agreement"]
    assert told["differing"] == 0, told
    return told


def adopt(database: ScratchDatabase, **more: Any) -> None:
    """Adopt the table that the tests share."""
    apply_adoption(database.url, Wish(**{**_words(WISH), **more}))


def hand_back(database: ScratchDatabase, asset: str = "point") -> None:
    """Give it back."""
    give_back(database.url, asset)


def carry(admin: psycopg.Connection[Any], verb: str, **fields: Any) -> dict[str, Any]:
    """Call a verb of the ledger as the service, with a key of its own; return the outcome."""
    request = {"asset": "point", "principal": "service", "actor": "test", **fields}
    request["key"] = uuid.uuid4().hex
    outcome: dict[str, Any] = one(admin, f"SELECT bursar.{verb}(%s)", json.dumps([request]))[0]
    return outcome


def _words(wish: Wish) -> dict[str, Any]:
    return {name: getattr(wish, name) for name in wish.__slots__}
