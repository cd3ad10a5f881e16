"""The expected schema on a database with adopted tables: the ledger's functions know those too.

The functions that choose an asset's store, and the view of all wallets, are written from the
registry. So the registry of the scratch database is given the adopted assets, each with a stand-in
for its table. The tables themselves are their app's and nothing is expected of them: that their
guards are on is the audit's to say.
"""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bursar.ops.doctor.schema import Schema

_REGISTERED = """
    SELECT d.asset, n.nspname, c.relname, d.owner_column, d.balance_column, c.oid::regclass::text,
        format_type(o.atttypid, o.atttypmod), format_type(b.atttypid, b.atttypmod),
        format('%I.%I', ln.nspname, l.collname)
    FROM bursar.adoption AS d
    JOIN pg_catalog.pg_class AS c ON c.oid = d.store
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute AS o ON (o.attrelid, o.attname) = (c.oid, d.owner_column)
    JOIN pg_catalog.pg_attribute AS b ON (b.attrelid, b.attname) = (c.oid, d.balance_column)
    LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = o.attcollation
    LEFT JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.collnamespace
    WHERE d.stage = 'adopted' ORDER BY d.asset COLLATE "C"
"""
_STAND_IN: LiteralString = """
    CREATE TABLE {table} ({owner} {owner_type} {collation}, {balance} {balance_type},
        bursar_held bigint, bursar_seq bigint, bursar_status text)
"""


def expect_adopted(live_url: str, scratch_url: str) -> list[str]:
    """Have the scratch database's ledger know the live one's adopted assets.

    Return the stand-ins' names as `regclass` writes them with an empty search path. Nothing is done
    where either side has no ledger, or where the scratch one's registry is empty: a schema from a
    file has its functions as they were written down. Raises `psycopg.Error`.
    """
    with (
        psycopg.connect(live_url, autocommit=True, application_name="bursar doctor") as live,
        psycopg.connect(scratch_url, application_name="bursar doctor") as scratch,
    ):
        live.execute("SET search_path = ''")
        if not (_has(live, "bursar.adoption") and _has(scratch, "bursar.adoption")):
            return []
        if scratch.execute("SELECT FROM bursar.asset LIMIT 1").fetchone() is None:
            return []
        adopted = live.execute(_REGISTERED.encode()).fetchall()
        for row in adopted:
            _stand_in(scratch, row)
        if adopted:
            scratch.execute("SELECT bursar.build_stores()")
        return [row[5] for row in adopted]


def without_stand_ins(expected: Schema, tables: list[str]) -> Schema:
    """Return the expected schema without the tables that only stand in for adopted ones."""
    if not tables:
        return expected
    things = {
        key: thing
        for key, thing in expected.things.items()
        if thing.of not in tables and not (thing.kind == "table" and thing.name in tables)
    }
    return Schema(things, expected.server_version, expected.role)


def _stand_in(scratch: psycopg.Connection[Any], row: tuple[Any, ...]) -> None:
    asset, schema, table, owner, balance, _, owner_type, balance_type, collation = row
    scratch.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    scratch.execute(
        sql.SQL(_STAND_IN).format(
            table=sql.Identifier(schema, table),
            owner=sql.Identifier(owner),
            balance=sql.Identifier(balance),
            # As format_type and quote_ident have written them.
            owner_type=sql.SQL(owner_type),
            balance_type=sql.SQL(balance_type),
            collation=sql.SQL(f"COLLATE {collation}" if collation else ""),
        )
    )
    scratch.execute(
        "SELECT bursar.enter_asset(%s, format('%%I.%%I', %s::text, %s::text)::regclass, %s, %s,"
        " 'repay_first')",
        [asset, schema, table, owner, balance],
    )


def _has(connection: psycopg.Connection[Any], table: str) -> bool:
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    return found is not None and bool(found[0])
