"""django-hordak: a purchase is a transfer between two accounts, with the balance checked before.

Its model keeps no balance: an account's balance is the sum of its legs. Its papers say nothing of
two requests at once, so the account is locked as Django itself advises: `select_for_update` inside
a transaction, here with `no_key`, which lets others write legs of the same account's partners.
"""

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.orders import PRICE, Order
from bench.paths.by_sql import look_up
from bench.paths.path import POOL_SIZE, Buyer, Site, Template

_CURRENCY = "EUR"
_THREADS_SECONDS = 30
_FILL: LiteralString = """
SET session_replication_role = replica;
INSERT INTO hordak_account (id, uuid, name, type, is_bank_account, lft, rght, tree_id, level,
        currencies)
    SELECT row_number() OVER (), user_id, user_id::text, 'AS', false, 1, 2, row_number() OVER (), 0,
        '["EUR"]' FROM bench.opening;
INSERT INTO hordak_transaction (id, uuid, timestamp, date, description)
    OVERRIDING SYSTEM VALUE SELECT 0, gen_random_uuid(), now(), now(), 'opening';
INSERT INTO hordak_leg (uuid, transaction_id, account_id, debit, currency, description)
    SELECT gen_random_uuid(), 0, a.id, o.balance, 'EUR', ''
    FROM bench.opening AS o JOIN hordak_account AS a ON a.uuid = o.user_id;
RESET session_replication_role;
CREATE VIEW bench.wallet AS
    SELECT a.uuid AS user_id, sum(coalesce(l.debit, 0) - coalesce(l.credit, 0))::bigint AS balance
    FROM hordak_account AS a JOIN hordak_leg AS l ON l.account_id = a.id GROUP BY a.uuid;
CREATE VIEW bench.purchase AS
    SELECT payer.uuid AS buyer_id, payee.uuid AS seller_id, paid.credit::bigint AS price
    FROM hordak_leg AS paid JOIN hordak_account AS payer ON payer.id = paid.account_id
    JOIN hordak_leg AS got ON got.transaction_id = paid.transaction_id AND got.debit IS NOT NULL
    JOIN hordak_account AS payee ON payee.id = got.account_id
    WHERE paid.credit IS NOT NULL AND paid.transaction_id <> 0;
"""


class Hordak(Buyer):
    """`buyer.transfer_to(seller, amount)` in sixteen threads, each with a connection of its own."""

    name, title, kind = "hordak", "django-hordak", "rival"
    says = (
        "django-hordak: lock the buyer's account, sum up its legs, transfer_to the seller's;"
        " Django's ORM over psycopg in 16 threads"
    )
    needs = ("django", "hordak", "mptt", "djmoney")
    template: Template | None = None

    def fill(self, url: str) -> None:
        """Let Django make its tables, then open the accounts without asking each trigger."""
        with _quiet():
            connections = _django(url)
            import_module("django.core.management").call_command("migrate", verbosity=0)
        connections.close_all()
        with psycopg.connect(url) as connection:
            connection.execute(_FILL)

    async def open(self, site: Site) -> None:
        """Look up every account's id, and start the threads."""
        self._ids = look_up(site.url, "SELECT uuid::text, id FROM hordak_account")
        self._sellers = look_up(site.url, "SELECT id::text, seller_id::text FROM bench.assortment")
        with _quiet():
            self._connections = _django(site.url)
            self._transaction = import_module("django.db.transaction")
            self._account = import_module("hordak.models").Account
            self._amount = import_module("moneyed").Money(PRICE, _CURRENCY)
        self._threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="hordak")
        await self._in_every_thread(lambda: self._connections["default"].ensure_connection())

    async def buy(self, orders: Sequence[Order]) -> int:
        """Buy one after the other, in a thread."""
        loop = asyncio.get_running_loop()
        return sum(
            [await loop.run_in_executor(self._threads, self._buy_one, order) for order in orders]
        )

    def _buy_one(self, order: Order) -> bool:
        account = self._account
        with self._transaction.atomic():
            buyer = account.objects.select_for_update(no_key=True).get(pk=self._ids[order.buyer])
            if buyer.get_simple_balance()[_CURRENCY].amount < PRICE:
                return False
            seller = account(pk=self._ids[self._sellers[order.reward]])
            buyer.transfer_to(seller, self._amount, description=order.reward)
        return True

    async def close(self) -> None:
        """End the threads, each with its connection."""
        await self._in_every_thread(self._connections.close_all)
        self._threads.shutdown()

    async def _in_every_thread(self, work: Callable[[], None]) -> None:
        everybody = Barrier(POOL_SIZE)

        def once() -> None:
            everybody.wait(_THREADS_SECONDS)  # so that no thread takes two
            work()

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, once) for _ in range(POOL_SIZE)))


def _django(url: str) -> Any:
    """Set Django up for the database at `url`, with its own defaults; return its connections."""
    parts = conninfo_to_dict(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "NAME": parts["dbname"],
        "USER": parts["user"],
        "PASSWORD": parts["password"],
        "HOST": parts["host"],
        "PORT": parts["port"],
    }
    settings = import_module("django.conf").settings
    if not settings.configured:
        settings.configure(
            # It is installed with these; its first migrations name them.
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
            DATABASES={"default": database},
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            USE_TZ=True,
        )
        import_module("django").setup()
    connections = import_module("django.db").connections
    connections.settings["default"].update(database)
    return connections


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings of others to ourselves: they are about their next versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
