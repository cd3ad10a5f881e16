"""Everything that `verify` looks at in the catalogue, one by one: what is there, and what is wrong.

Functions with their arguments and whose rights they run with, constraints, indexes, triggers,
policies and grants; and how many balances are negative.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from bursar.ops.migrate.session import Connection, translated
from bursar.ops.migrate.source import Source

_QUERY = Path(__file__).with_name("inventory.sql").read_text("utf-8")
_FUNCTION = re.compile(
    r"^CREATE (?:OR REPLACE )?FUNCTION ([a-z_0-9]+\.[a-z_0-9]+)\s*\(", re.MULTILINE
)
_TABLE = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?([a-z_0-9]+\.[a-z_0-9]+)\b",
    re.MULTILINE,
)
_SCHEMA = re.compile(r"^CREATE SCHEMA (?:IF NOT EXISTS )?([a-z_0-9]+)\b", re.MULTILINE)
# What the ledger's step makes for hosted databases that lack it is theirs where they have it.
_FOREIGN = frozenset({"auth", "public"})
_STORES = "SELECT pg_catalog.to_regclass('bursar.balance') IS NOT NULL AS there"
_NEGATIVE = """
    SELECT asset, count(w.owner_id) AS wallets,
        count(*) FILTER (WHERE w.balance < 0 OR w.held < 0) AS negative
    FROM bursar.asset LEFT JOIN bursar.balance AS w USING (asset) GROUP BY asset ORDER BY asset
"""
_ADOPTED = "SELECT DISTINCT store::text AS name FROM bursar.asset WHERE store IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at. `complaint` says what is wrong with it, or is empty."""

    kind: str
    name: str
    detail: str
    complaint: str = ""


def take_inventory(connection: Connection, source: Source) -> tuple[Fact, ...]:
    """Return what there is of `source` in the database, and every balance below zero by asset.

    In schemas that the files make everything is Bursar's; elsewhere only what the files name.
    """
    texts = [*(step.up for step in source.steps), *(one.text for one in source.routines)]
    own = _named(_SCHEMA, texts) - _FOREIGN
    functions = _named(_FUNCTION, (one.text for one in source.routines))
    tables = _named(_TABLE, texts)
    with translated("the inventory"):
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        row = connection.execute(_STORES).fetchone()
        has_wallets = row is not None and row["there"]
        if has_wallets:  # The app's own tables, which no file of ours makes.
            tables |= {one["name"] for one in connection.execute(_ADOPTED)}
        cursor = psycopg.RawCursor(connection, row_factory=class_row(Fact))
        cursor.execute(_QUERY.encode(), [sorted(own), sorted(functions), sorted(tables)])
        return (*cursor.fetchall(), *(_balances(connection) if has_wallets else ()))


def _balances(connection: Connection) -> Iterable[Fact]:
    for found in connection.execute(_NEGATIVE):
        negative = found["negative"]
        yield Fact(
            "balances",
            found["asset"],
            f"{found['wallets']:,} wallets, {negative:,} of them negative",
            "has negative balances" if negative else "",
        )


def _named(form: re.Pattern[str], texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in form.findall(text)}
