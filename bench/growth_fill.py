"""Databases with a history: as many consistent entries as wanted, in minutes instead of hours."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from bench.orders import BUYER_STRIDE, PRICE, REWARD_STRIDE, Sizes
from bench.paths.by_sql import SqlBatch
from bench.prepare import make_databases
from bursar.db.embedded import Cluster

Say = Callable[[str], None]

ENTRIES_PER_PURCHASE = 2
_FILL = Path(__file__).with_name("growth_fill.sql")
_TABLES = ("entry", "idempotency", "transaction", "collected_rewards")
# What comes after the indexes are there, so that their pages are as inserts leave them.
_LATE = 0.1
_BUILD_MEMORY = "512MB"


def database_of(entries: int) -> str:
    """Return the name of the database with that many entries."""
    return f"growth_{entries}"


class BatchesOn(SqlBatch):
    """Batches of a hundred on the database with `entries`."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self._entries = entries

    @property
    def database(self) -> str:
        """The name of that database."""
        return database_of(self._entries)


def make_histories(cluster: Cluster, entries: Sequence[int], sizes: Sizes, say: Say) -> None:
    """Make a database for each number of entries: filled, indexed, vacuumed and on the disk.

    The entries that open the wallets come on top; every database has the same.
    """
    make_databases(cluster, [BatchesOn(number) for number in entries], sizes)
    for number in entries:
        begun = time.monotonic()
        fill(cluster.url(database=database_of(number)), number // ENTRIES_PER_PURCHASE, sizes)
        say(f"{number:,} entries were filled in after {time.monotonic() - begun:.0f} s.")
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def fill(url: str, purchases: int, sizes: Sizes) -> None:
    """Fill the database at `url` with so many purchases, as the owner of its tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL.read_bytes())
        connection.execute(
            "SELECT bench.make_sales(%s, %s, %s, %s, %s, %s)",
            [purchases, sizes.buyers, sizes.rewards, BUYER_STRIDE, REWARD_STRIDE, PRICE],
        )
        indexes = connection.execute("SELECT made, reset FROM bench.drop_indexes()").fetchall()
    late = round(purchases * (1 - _LATE))
    statement: LiteralString = "SELECT bench.fill(%s, %s, %s)"
    _side_by_side(url, [(statement, [table, 0, late]) for table in _TABLES])
    _side_by_side(url, [(made, None) for made, _ in indexes])
    _side_by_side(url, [(statement, [table, late, purchases]) for table in _TABLES])
    _side_by_side(url, [(statement, ["user_credits", 0, purchases])])
    with psycopg.connect(url, autocommit=True) as connection:
        for _, reset in indexes:
            if reset is not None:
                connection.execute(reset)
        connection.execute("DROP TABLE bench.sale")
        connection.execute("VACUUM ANALYZE")


def _side_by_side(url: str, statements: Sequence[tuple[LiteralString, Any]]) -> None:
    """Run the statements two at a time, each on a connection of its own."""

    def run(statement: tuple[LiteralString, Any]) -> None:
        text, parameters = statement
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT set_config('maintenance_work_mem', %s, false)", [_BUILD_MEMORY]
            )
            connection.execute(text, parameters)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, statements))
