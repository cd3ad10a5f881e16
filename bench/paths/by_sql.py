"""The database function called directly: one statement for each call, no engine between."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from bench.orders import Order
from bench.paths.path import POOL_SIZE, Path

_encode = msgspec.json.Encoder().encode


async def open_pool(url: str) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    """Open a pool of autocommitting connections whose statements are prepared at once."""
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        url,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 1},
        configure=_configure,
    )
    await pool.open(wait=True, timeout=30)
    return pool


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


class Sql(Path):
    """`SELECT bursar.purchase_reward($1)` from Python, on connections of a pool."""

    name, title = "sql", "SQL, one per call"

    async def open(self, url: str, service_url: str, buyers: Sequence[str]) -> None:
        """Open the pool, as the role the service logs in with."""
        self._pool = await open_pool(service_url)

    async def buy(self, orders: Sequence[Order]) -> int:
        """Send the orders as one JSON array."""
        body = _encode([request_of(order) for order in orders]).decode()
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT bursar.purchase_reward(%s::jsonb)", [body])
            row = await cursor.fetchone()
        if row is None:
            raise RuntimeError("The function answered nothing.")
        return sum(outcome["status"] == "done" for outcome in row[0])

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()


class SqlBatch(Sql):
    """The same with a hundred purchases in each call."""

    name, title = "sql_batch", "SQL, 100 per call"
    per_call = 100
    callers = (1, 8)
