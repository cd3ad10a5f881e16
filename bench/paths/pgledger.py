"""pgledger: double entry in SQL functions. Whoever measures names its file; none is kept here.

A purchase is a transfer from the buyer's account, which may not become negative, to the seller's.
"""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import LiteralString

import psycopg

from bench.orders import PRICE, Order
from bench.paths.by_sql import look_up, open_pool
from bench.paths.path import Buyer, Site, Template

# Its own functions for ids stand beside it in its repository.
_BESIDE = "vendor/*/*.sql"
_FILL: LiteralString = """
SELECT count(*) FROM bench.opening AS o
CROSS JOIN LATERAL pgledger_create_account(o.user_id::text, 'CREDIT', false) AS a;
UPDATE pgledger_accounts AS a SET balance = o.balance
FROM bench.opening AS o WHERE a.name = o.user_id::text;
CREATE VIEW bench.wallet AS
    SELECT name::uuid AS user_id, balance::bigint AS balance FROM pgledger_accounts;
CREATE VIEW bench.purchase AS
    SELECT payer.name::uuid AS buyer_id, payee.name::uuid AS seller_id, t.amount::bigint AS price
    FROM pgledger_transfers AS t JOIN pgledger_accounts AS payer ON payer.id = t.from_account_id
    JOIN pgledger_accounts AS payee ON payee.id = t.to_account_id;
"""


class PgLedger(Buyer):
    """`SELECT * FROM pgledger_create_transfer(buyer, seller, amount)` from Python."""

    name, title, kind = "pgledger", "pgledger", "rival"
    says = "SELECT * FROM pgledger_create_transfer(buyer, seller, 10); psycopg, a pool of 16"
    template: Template | None = None

    def __init__(self, file: FilePath | None = None) -> None:
        super().__init__()
        self._file = file

    def missing(self) -> str | None:
        """Return that its file was not named, or None."""
        return None if self._file else "Its SQL was not named: --pgledger FILE."

    def fill(self, url: str) -> None:
        """Install it, and open an account for everybody."""
        assert self._file is not None
        with psycopg.connect(url) as connection:
            for file in (*sorted(self._file.parent.glob(_BESIDE)), self._file):
                connection.execute(file.read_bytes())
            connection.execute(_FILL)

    async def open(self, site: Site) -> None:
        """Look up every account's id, and open the pool."""
        self._ids = look_up(site.url, "SELECT name, id FROM pgledger_accounts")
        self._sellers = look_up(site.url, "SELECT id::text, seller_id::text FROM bench.assortment")
        self._pool = await open_pool(site.url)
        self.round_trips = 0

    async def buy(self, orders: Sequence[Order]) -> int:
        """Transfer once for each order."""
        done = 0
        for order in orders:
            self.round_trips = (self.round_trips or 0) + 1
            accounts = (self._ids[order.buyer], self._ids[self._sellers[order.reward]], PRICE)
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(
                        "SELECT * FROM pgledger_create_transfer(%s, %s, %s)", accounts
                    )
                    await cursor.fetchone()
            except psycopg.errors.RaiseException:  # it would become negative
                continue
            done += 1
        return done

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()
