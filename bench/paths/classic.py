"""The rivals in Python: a function with SELECT … FOR UPDATE, and a naive handler."""

from collections.abc import Sequence
from typing import Any

import psycopg

from bench.orders import Order
from bench.paths.by_sql import open_pool
from bench.paths.path import Buyer, Site, Template


class Classic(Buyer):
    """`SELECT purchase_reward(reward, buyer)`: the lock, the check and the writes in PL/pgSQL."""

    name, title, kind = "classic", "classic, from Python", "rival"
    says = (
        "a PL/pgSQL function that locks the buyer's wallet FOR UPDATE, checks, inserts the"
        " purchase, updates both balances and logs the buyer's side; psycopg, a pool of 16"
    )
    template: Template | None = "template_classic"

    async def open(self, site: Site) -> None:
        """Open the pool."""
        self._pool = await open_pool(site.url)
        self.round_trips = 0

    async def buy(self, orders: Sequence[Order]) -> int:
        """Call the function once for each order."""
        done = 0
        for order in orders:
            self.round_trips = (self.round_trips or 0) + 1
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(
                        "SELECT purchase_reward(%s::uuid, %s::uuid)", [order.reward, order.buyer]
                    )
                    await cursor.fetchone()
            except psycopg.errors.RaiseException:  # insufficient funds
                continue
            done += 1
        return done

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()


class Naive(Classic):
    """Reads the balance, decides in Python, writes what it computed: one transaction, no lock."""

    name, title, kind = "naive", "naive, from Python", "rival"
    says = "one transaction that reads the balance, decides in Python and writes what it computed"
    expects_wrong_results = True

    async def buy(self, orders: Sequence[Order]) -> int:
        """Buy one after the other."""
        return sum([await self._buy_one(order) for order in orders])

    async def _buy_one(self, order: Order) -> bool:
        async with self._pool.connection() as connection, connection.transaction():
            # The seven below and what begins and ends the transaction.
            self.round_trips = (self.round_trips or 0) + 9
            run = connection.execute
            seller, price = await _row(
                await run("SELECT seller_id, price FROM reward WHERE id = %s", [order.reward])
            )
            read = "SELECT balance FROM wallet WHERE user_id = %s"
            (balance,) = await _row(await run(read, [order.buyer]))
            if balance < price:
                return False
            await run(
                "INSERT INTO purchase (buyer_id, reward_id, seller_id, price)"
                " VALUES (%s, %s, %s, %s)",
                [order.buyer, order.reward, seller, price],
            )
            (earned,) = await _row(await run(read, [seller]))
            write = "UPDATE wallet SET balance = %s WHERE user_id = %s"
            await run(write, [balance - price, order.buyer])
            await run(write, [earned + price, seller])
            await run(
                "INSERT INTO wallet_log (user_id, amount, balance_after) VALUES (%s, %s, %s)",
                [order.buyer, -price, balance - price],
            )
        return True


async def _row(cursor: psycopg.AsyncCursor[Any]) -> Any:
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("There is no such row.")
    return row
