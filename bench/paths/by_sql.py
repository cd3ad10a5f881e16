"""The database function called directly: one statement for each call, no engine between."""

from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from bench.orders import Order
from bench.paths.path import POOL_SIZE, Buyer, Site

_encode = msgspec.json.Encoder().encode


async def open_pool(
    url: str, size: int = POOL_SIZE
) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    """Open a pool of autocommitting connections whose statements are prepared at once."""
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        url,
        min_size=size,
        max_size=size,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 1},
        configure=_configure,
    )
    await pool.open(wait=True, timeout=30)
    return pool


def look_up(url: str, statement: LiteralString) -> dict[Any, Any]:
    """Return what a statement of two columns answers: the second by the first."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute(statement).fetchall())


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    set_json_loads(msgspec.json.decode, connection)


def request_of(order: Order) -> dict[str, Any]:
    """Return what the function takes for one purchase, asked for by a backend."""
    return {
        "reward_id": order.reward,
        "collector_id": order.buyer,
        "key": order.key,
        "principal": "service",
        "caller": {"role": "service_role"},
    }


class Sql(Buyer):
    """`SELECT bursar.carry('purchase_reward', $1)` from Python, on connections of a pool."""

    name, title, kind = "sql", "SQL, one per call", "ours"
    says = "SELECT bursar.carry('purchase_reward', $1) through psycopg, on a pool of 16 connections"

    async def open(self, site: Site) -> None:
        """Open the pool, as the role the service logs in with."""
        self._pool = await open_pool(site.service_url)
        self.round_trips = 0

    async def buy(self, orders: Sequence[Order]) -> int:
        """Send the orders as one JSON array."""
        body = _encode([request_of(order) for order in orders]).decode()
        self.round_trips = (self.round_trips or 0) + 1
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT bursar.carry('purchase_reward', %s::jsonb)", [body]
            )
            row = await cursor.fetchone()
        if row is None:
            raise RuntimeError("The function answered nothing.")
        return sum(outcome["status"] == "done" for outcome in row[0])

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()


class SqlBatch(Sql):
    """The same with a hundred purchases in each call."""

    name, title, kind = "sql_batch", "SQL, 100 per call", "ours"
    says = "the same function with a hundred purchases in the array"
    per_call = 100
