"""The floor: the rows that one purchase leaves behind, written blind in batches of a hundred.

Nothing is read, checked or decided in the database. What a purchase has to know, its sequence
numbers and balances, is kept here from the start, since nobody else writes. So the audit holds for
this path as well, and what is left is the price of the rows and their indexes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath

import psycopg

from bench.orders import PRICE, Order
from bench.paths.by_sql import look_up, open_pool
from bench.paths.path import Buyer, Site

_STATEMENT = FilePath(__file__).with_name("floor.sql").read_bytes()
_CONNECTIONS = 2
_DIGEST_BYTES = 16


class Floor(Buyer):
    """One statement writes the rows of a hundred purchases."""

    name, title, kind = "floor", "floor: rows written blind", "floor"
    says = (
        "the rows that a purchase writes, by one set statement for a hundred, nothing read, checked"
        " or decided"
    )
    per_call = 100
    minds_the_money = False

    async def open(self, site: Site) -> None:
        """Connect as the owner, and note every wallet's sequence and balance and each price's."""
        self._pool = await open_pool(site.url, _CONNECTIONS)
        url = site.url
        self._wallets: dict[str, list[int]] = look_up(
            url, "SELECT user_id::text, ARRAY[bursar_seq, balance] FROM public.user_credits"
        )
        self._sellers = look_up(url, "SELECT id::text, creator_id::text FROM public.rewards")
        last = look_up(url, "SELECT 'id', coalesce(max(id), 0) FROM bursar.transaction")
        self._last_id: int = last["id"]
        self.round_trips = 0

    async def buy(self, orders: Sequence[Order]) -> int:
        """Write the rows of the orders."""
        arguments = self._arguments(orders)
        self.round_trips = (self.round_trips or 0) + 1
        async with self._pool.connection() as connection:
            await psycopg.AsyncRawCursor(connection).execute(_STATEMENT, arguments)
        return len(orders)

    async def close(self) -> None:
        """Disconnect."""
        await self._pool.close()

    def _arguments(self, orders: Sequence[Order]) -> list[str | int]:
        """Return what the statement takes: arrays as text, which both sides are quick with."""
        rows: list[tuple[object, ...]] = []
        moves: dict[str, list[int]] = {}
        claims: list[str] = []
        outcomes: list[str] = []
        for order in orders:
            seller = self._sellers[order.reward]
            self._last_id += 1
            paid, earned = self._move(order.buyer, -PRICE), self._move(seller, PRICE)
            rows.append((self._last_id, order.buyer, seller, order.reward, *paid, *earned))
            for owner, amount in ((order.buyer, -PRICE), (seller, PRICE)):
                move = moves.setdefault(owner, [0, 0])
                move[0] += amount
                move[1] += 1
            digest = hashlib.sha256(f"{order.buyer} {order.key}".encode()).digest()
            claims.append(f'"\\\\x{digest[:_DIGEST_BYTES].hex()}"')
            outcomes.append(_outcome(self._last_id, order, paid[1]))
        # Sorted, so that two batches with wallets in common cannot wait for each other.
        owners = sorted(moves)
        return [
            *(_array(column) for column in zip(*rows, strict=True)),
            _array(owners),
            _array(moves[owner][0] for owner in owners),
            _array(moves[owner][1] for owner in owners),
            _array(claims),
            _array(outcomes),
            PRICE,
        ]

    def _move(self, owner: str, amount: int) -> tuple[int, int]:
        """Return the wallet's sequence and balance after this entry."""
        wallet = self._wallets[owner]
        wallet[0] += 1
        wallet[1] += amount
        return wallet[0], wallet[1]


def _array(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _outcome(transaction_id: int, order: Order, balance: int) -> str:
    """Return the outcome that is remembered under the key, as an element of an array."""
    text = (
        f'{{"status":"done","verb":"purchase_reward","transaction_id":{transaction_id},'
        f'"owner_id":"{order.buyer}","asset":"credit","amount":{PRICE},"balance":{balance},'
        f'"held":0,"available":{balance},"replayed":false,"reward_id":"{order.reward}",'
        f'"price":{PRICE}}}'
    )
    return '"' + text.replace('"', '\\"') + '"'
