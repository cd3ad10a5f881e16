"""Many buyers, few leads: overlapping carts over HTTP and SQL, cards, and sellers who edit.

Who takes part keeps what they were told; the test compares it with what is in the database.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from bursar.stand_ins.stripe.process import StandIn
from tests.deployment import Deployment
from tests.market import ASSET, new_id
from tests.patience import PATIENCE_SECONDS

BUYERS, LEADS, SELLERS = 64, 40, 8
CARTS_EACH = 2
SQL_CALLERS = 2
PURCHASE = "/api/marketplace/purchase"
# Leads that every other buyer wants first, and reserves for a card.
HOT = 3
# Leads that are sold and reserved more often than they may be: one of the two has no lead.
_OVERBOOKED = """
SELECT l.id::text, l.sold_count, count(*) FROM public.leads AS l
JOIN public.marketplace_purchase_items AS i ON i.lead_id = l.id
WHERE i.status = 'reserved' AND i.reserved_until > now()
GROUP BY l.id HAVING l.sold_count + count(*) > l.max_sales
"""
# What becomes of a card purchase, some of them more often than others.
FATES = ("paid", "paid", "paid", "async_succeed", "async_fail", "late", "late", "left")


@dataclass(slots=True)
class Told:
    """A cart, and what its buyer was told: an HTTP status and a receipt or a problem."""

    buyer: str
    lead_ids: list[str]
    status: int
    answer: dict[str, Any]
    replayed: bool = False

    @property
    def conflicts(self) -> list[dict[str, Any]]:
        """The leads that stood in the way."""
        found: list[dict[str, Any]] = (
            self.answer["conflicts"]
            if self.status == 200
            else self.answer.get("details", {}).get("conflicts", [])
        )
        return [
            {("lead_id" if name == "leadId" else name): value for name, value in one.items()}
            for one in found
        ]


@dataclass(slots=True)
class Storm:
    """A marketplace on which rounds are played."""

    database: ScratchDatabase
    servers: Sequence[Deployment]
    company: StandIn
    dice: random.Random
    buyers: list[str] = field(default_factory=lambda: [new_id() for _ in range(BUYERS)])
    # Who buys in SQL alone.
    callers: list[str] = field(default_factory=lambda: [new_id() for _ in range(BUYERS // 4)])
    told: list[Told] = field(default_factory=list)
    # What became of card purchases, by their ids.
    fates: dict[str, str] = field(default_factory=dict)
    edits: int = 0
    overbooked: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Most buyers have plenty, some a little, one nothing."""
        self.buyers.sort()
        grants = [
            {"owner_id": buyer, "asset": ASSET, "amount": 300 if place < 8 else 10**6}
            for place, buyer in enumerate([*self.buyers[1:], *self.callers])
        ]
        row = self.database.connect().execute('SELECT bursar."grant"(%s)', [Jsonb(grants)])
        assert row.fetchone() is not None

    @property
    def sellers(self) -> list[str]:
        """Some of the buyers sell, too: their wallets are locked from both sides."""
        return self.buyers[:: BUYERS // SELLERS]

    async def play(self, rounds: int) -> None:
        """Put new leads on sale so many times, and let everybody at them at once."""
        limits = httpx.Limits(max_connections=BUYERS)
        async with httpx.AsyncClient(
            timeout=PATIENCE_SECONDS, limits=limits, trust_env=False
        ) as client:
            for _ in range(rounds):
                await self._round(client, self._put_on_sale())

    def _put_on_sale(self) -> list[str]:
        rows = self.database.connect().execute(
            "INSERT INTO public.leads (seller_workspace_id, title, price, max_sales)"
            " SELECT s.id, 'Lead', 50 + place * 7 %% 50, 1 + (place %% 10 = 0)::integer"
            " FROM generate_series(1, %s) AS place"
            " CROSS JOIN LATERAL (SELECT (%s::uuid[])[1 + place %% %s] AS id) AS s"
            " RETURNING id::text",
            [LEADS, self.sellers, SELLERS],
        )
        return [lead_id for (lead_id,) in rows.fetchall()]

    async def _round(self, client: httpx.AsyncClient, on_sale: list[str]) -> None:
        over = asyncio.Event()
        beside = [
            asyncio.ensure_future(self._edit(seller, on_sale, over)) for seller in self.sellers[::2]
        ]
        beside.append(asyncio.ensure_future(self._watch(over)))
        await asyncio.gather(
            *(self._shop(client, buyer, on_sale) for buyer in self.buyers),
            *(self._shop_in_sql(on_sale) for _ in range(SQL_CALLERS)),
        )
        over.set()
        await asyncio.gather(*beside)

    async def _shop(self, client: httpx.AsyncClient, buyer: str, on_sale: list[str]) -> None:
        """Buy carts one after the other; pay for those that are reserved, or not."""
        wanted = self.dice.sample(on_sale[HOT:], LEADS - HOT)
        rushes = self.dice.random() < 0.5
        if rushes:
            wanted.append(self.dice.choice(on_sale[:HOT]))
        for _ in range(CARTS_EACH):
            by_card, rushes = rushes or self.dice.random() < 0.2, False
            # Other leads each time: who asks again for a lead gives up its own reservation of it.
            body: dict[str, Any] = {
                "leadIds": [wanted.pop() for _ in range(self.dice.randint(1, 4))],
                "paymentMethod": "stripe" if by_card else "credits",
            }
            if self.dice.random() < 0.4:
                body["allowPartial"] = True
            if self.dice.random() < 0.2:
                body["expectedPrices"] = {
                    one: 50 + self.dice.randint(0, 49) for one in body["leadIds"]
                }
            key = new_id()
            told = await self._post(client, buyer, body, key)
            if self.dice.random() < 0.1 and told.status in (200, 402, 409):
                again = await self._post(client, buyer, body, key)
                assert (again.status, again.replayed) == (told.status, True), again
            if told.status == 200 and by_card:
                await self._pay(client, told.answer)

    async def _post(
        self, client: httpx.AsyncClient, buyer: str, body: dict[str, Any], key: str
    ) -> Told:
        server = self.dice.choice(self.servers)
        headers = server.headers("authenticated", buyer) | {"idempotency-key": key}
        try:
            answer = await client.post(server.url + PURCHASE, json=body, headers=headers)
        except (httpx.ReadError, httpx.RemoteProtocolError):
            # The server closed a connection that had been idle: asked again with the same key.
            answer = await client.post(server.url + PURCHASE, json=body, headers=headers)
        replayed = answer.headers.get("idempotent-replayed") == "true"
        told = Told(buyer, body["leadIds"], answer.status_code, answer.json(), replayed)
        self.told.append(told)
        return told

    async def _pay(self, client: httpx.AsyncClient, receipt: dict[str, Any]) -> None:
        """Pay at the card company, in time, when the reservation has lapsed, or not at all."""
        fate = self.dice.choice(FATES)
        self.fates[receipt["purchaseId"]] = fate
        if fate == "left":
            return
        if fate == "late":
            await self._let_lapse(receipt["purchaseId"])
        outcome = "paid" if fate == "late" else fate
        answer = await client.post(
            f"{self.company.address}/_sessions/{receipt['sessionId']}/pay",
            json={"outcome": outcome},
            # The company closes a connection that was idle for some seconds, when it likes.
            headers={"connection": "close"},
        )
        assert answer.status_code == 200, answer.text

    async def _let_lapse(self, purchase_id: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.database.url) as connection:
            for table, column in (
                ("marketplace_purchases", "id"),
                ("marketplace_purchase_items", "purchase_id"),
            ):
                await connection.execute(
                    f"UPDATE public.{table} SET reserved_until = now()"
                    f" WHERE {column} = %s AND reserved_until IS NOT NULL".encode(),
                    [purchase_id],
                )

    async def _shop_in_sql(self, on_sale: list[str]) -> None:
        """Arrays of carts in no order at all, over a connection of their own."""
        carts = [
            {
                "buyer_workspace_id": self.dice.choice(self.callers),
                "lead_ids": self.dice.sample(on_sale, self.dice.randint(1, 6)),
                "allow_partial": self.dice.random() < 0.3,
            }
            for _ in range(10)
        ]
        async with await psycopg.AsyncConnection.connect(
            self.database.service_url, autocommit=True
        ) as connection:
            await connection.execute("SET lock_timeout = '60s'")
            cursor = await connection.execute(
                "SELECT bursar.complete_credit_lead_purchase(%s)", [Jsonb(carts)]
            )
            row = await cursor.fetchone()
        assert row is not None
        self.told.extend(
            _as_told(cart, outcome) for cart, outcome in zip(carts, row[0], strict=True)
        )

    async def _watch(self, over: asyncio.Event) -> None:
        """Look for leads that are promised too often, while it goes on."""
        async with await psycopg.AsyncConnection.connect(
            self.database.url, autocommit=True
        ) as connection:
            while not over.is_set():
                cursor = await connection.execute(_OVERBOOKED.encode())
                self.overbooked.extend(await cursor.fetchall())
                await asyncio.sleep(0.05)

    async def _edit(self, seller: str, on_sale: list[str], over: asyncio.Event) -> None:
        """Change prices, delist and list again, as the seller's own session does."""
        claims = json.dumps({"role": "authenticated", "sub": seller})
        async with await psycopg.AsyncConnection.connect(
            self.database.url, autocommit=True
        ) as connection:
            await connection.execute("SELECT set_config('request.jwt.claims', %s, false)", [claims])
            await connection.execute("SET ROLE authenticated")
            cursor = await connection.execute(
                "SELECT id FROM public.leads WHERE seller_workspace_id = %s AND id = ANY (%s)",
                [seller, on_sale],
            )
            own = [lead_id for (lead_id,) in await cursor.fetchall()]
            while not over.is_set():
                # One lead at a time: who locks several in an order of their own may deadlock.
                cursor = await connection.execute(
                    "UPDATE public.leads SET price = %s, is_marketplace_listed = %s WHERE id = %s",
                    [self.dice.randint(50, 99), self.dice.random() < 0.8, self.dice.choice(own)],
                )
                self.edits += cursor.rowcount
                await asyncio.sleep(0.002)


def _as_told(cart: dict[str, Any], outcome: dict[str, Any]) -> Told:
    """An outcome of SQL as HTTP would have told it."""
    statuses = {"PURCHASE_CONFLICT": 409, "PRICE_CHANGED": 409, "INSUFFICIENT_FUNDS": 402}
    if outcome["status"] == "done":
        receipt = {
            "purchaseId": outcome["purchase_id"],
            "paymentMethod": "credits",
            "totalPrice": outcome["amount"],
            "items": [{"leadId": i["lead_id"], "price": i["price"]} for i in outcome["items"]],
            "conflicts": outcome["conflicts"],
        }
        return Told(cart["buyer_workspace_id"], cart["lead_ids"], 200, receipt)
    status = statuses.get(outcome["code"], 503)
    return Told(cart["buyer_workspace_id"], cart["lead_ids"], status, outcome)
