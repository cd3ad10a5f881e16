"""A load of purchases and transfers that knows what it was told, for tests that break things.

Each request has a key and can be recognised in the ledger, so that its effects can be counted:
a purchase by who bought what, a transfer by a reference in its metadata.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from tests.deployment import Deployment
from tests.patience import PATIENCE_SECONDS
from tests.store import grant_all, new_id, reward
from tests.ways import answer_of

CLIENTS = 12
ASK_AGAIN_MAX = 40
# Answers that say that nothing happened: nobody has to be asked again.
NOTHING_HAPPENED = ("BUSY", "UNAVAILABLE", "DEGRADED", "NOT_SENT")


@dataclass
class Request:
    """One request, and what came back: "done", a refusal's code, or "" while nobody knows.

    "NOT_SENT" says that there was nobody to send it to.
    """

    path: str
    caller: tuple[str, str | None]
    body: dict[str, Any]
    key: str = field(default_factory=new_id)
    code: str = ""
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def is_purchase(self) -> bool:
        return "p_reward_id" in self.body


class Load:
    """Callers who buy from and pay each other until they are told to stop."""

    def __init__(self, deployment: Deployment, connection: psycopg.Connection, seed: int) -> None:
        self._deployment = deployment
        self._dice = random.Random(seed)
        self.people = [new_id() for _ in range(30)]
        grant_all(connection, self.people, 10_000)
        self._rewards = [
            (creator, reward(connection, 7 + place % 5, creator_id=creator))
            for place in range(600)
            for creator in (self.people[place % 30],)
        ]
        self._pairs = [
            (who, what) for creator, what in self._rewards for who in self.people if who != creator
        ]
        self._dice.shuffle(self._pairs)
        self.requests: list[Request] = []
        self.acknowledged = 0
        self._stopping = False

    async def run(self) -> None:
        """Make requests until `stop`."""
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits) as client:
            await asyncio.gather(*(self._caller(client) for _ in range(CLIENTS)))

    def stop(self) -> None:
        """Let every caller end after the request that it waits for."""
        self._stopping = True

    @property
    def unknown(self) -> list[Request]:
        """The requests whose outcome nobody knows."""
        return [request for request in self.requests if not request.code]

    async def resolve(self) -> list[Request]:
        """Ask again, with the same key, about what is not known; return what was resolved."""
        asked = self.unknown
        waiting = list(asked)

        async def ask(client: httpx.AsyncClient) -> None:
            while waiting:
                request = waiting.pop()
                for _ in range(ASK_AGAIN_MAX):
                    await self.send(client, request)
                    if request.code and request.code not in NOTHING_HAPPENED:
                        break
                    request.code = ""
                    await asyncio.sleep(0.1)

        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            await asyncio.gather(*(ask(client) for _ in range(CLIENTS)))
        return asked

    async def send(self, client: httpx.AsyncClient, request: Request) -> None:
        """Send a request and keep what it was told."""
        headers = self._deployment.headers(*request.caller) | {"idempotency-key": request.key}
        try:
            answer = await client.post(
                self._deployment.url + request.path, json=request.body, headers=headers
            )
        except httpx.ConnectError:
            request.code = "NOT_SENT"
            return
        except httpx.TransportError:
            return
        body = answer.json()
        code = answer_of(answer).code
        if not request.is_purchase and not answer.is_success:
            code = body["code"]
        elif code == "PGRST001":
            code = "UNAVAILABLE"
        if code in ("OUTCOME_UNKNOWN", "FAULT", "500") or answer.status_code == 500:
            return
        request.code, request.outcome = code, body

    async def _caller(self, client: httpx.AsyncClient) -> None:
        while not self._stopping and self._pairs:
            request = self._next()
            self.requests.append(request)
            with contextlib.suppress(TimeoutError):
                await self.send(client, request)
            if request.code == "done":
                self.acknowledged += 1
            else:
                await asyncio.sleep(0.05)

    def _next(self) -> Request:
        if self._dice.random() < 0.5:
            who, what = self._pairs.pop()
            body: dict[str, Any] = {"p_reward_id": what, "p_collector_id": who}
            return Request("/rest/v1/rpc/purchase_reward", ("authenticated", who), body)
        payer, payee = self._dice.sample(self.people, 2)
        body = {
            "owner_id": payer,
            "asset": "credit",
            "amount": self._dice.randint(1, 9),
            "to_owner_id": payee,
            "metadata": {"reference": new_id()},
        }
        return Request("/v1/transfers", ("service_role", None), body)


def effects(connection: psycopg.Connection, requests: list[Request]) -> dict[str, list[int]]:
    """The transactions of each request, by its key: looked for by what it did, not by its key."""
    transfers: dict[str, list[int]] = {}
    for reference, transaction_id in connection.execute(
        "SELECT metadata ->> 'reference', id FROM bursar.transaction WHERE verb = 'transfer'"
    ):
        transfers.setdefault(reference, []).append(transaction_id)
    purchases: dict[tuple[str, str], list[int]] = {}
    for collector_id, reason, transaction_id in connection.execute(
        "SELECT owner_id, reason, id FROM bursar.transaction WHERE verb = 'purchase_reward'"
    ):
        bought = (collector_id, reason.removeprefix("reward "))
        purchases.setdefault(bought, []).append(transaction_id)
    return {
        request.key: purchases.get(
            (request.body["p_collector_id"], request.body["p_reward_id"]), []
        )
        if request.is_purchase
        else transfers.get(request.body["metadata"]["reference"], [])
        for request in requests
    }
