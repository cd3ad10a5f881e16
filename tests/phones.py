"""A load of the shop: a store that sells, RevenueCat that tells, and phones that claim.

Each behaves as it does in the field: RevenueCat sends an event again until it is answered with 200,
a phone claims again until it is told yes, or that it was accepted.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.app_store import BOOSTER, CLAIM, SHIELD, WEBHOOK, Sold, posted
from tests.deployment import Deployment
from tests.patience import PATIENCE_SECONDS

PHONES = 12
PAUSE_SECONDS = 0.02
TRIES_MAX = 200


@dataclass
class Told:
    """One answer: when it came, what was asked, the status, what was said, and how long it took."""

    at: float
    asked: str
    status: int
    word: str
    seconds: float


@dataclass
class Bought:
    """One purchase as the load knows it: its events that were received, and its claim."""

    sale: Sold
    received: list[str] = field(default_factory=list)
    is_claimed: bool = False
    is_refunded: bool = False


class Phones:
    """Buys and claims until it is told to stop; knows all that was answered."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment = deployment
        self._dice = random.Random(seed)
        self._stopping = False
        self.bought: list[Bought] = []
        self.answers: list[Told] = []

    async def run(self) -> None:
        """Go on until `stop`, and finish what was begun."""
        limits = httpx.Limits(max_connections=PHONES * 2)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=limits) as client:
            await asyncio.gather(*(self._phone(client) for _ in range(PHONES)))

    def stop(self) -> None:
        """Let everybody end after the purchase that they are at."""
        self._stopping = True

    def between(self, start: float, end: float) -> Counter[tuple[str, int, str]]:
        """What was asked and answered within a stretch of time, and how often."""
        return Counter(
            (told.asked, told.status, told.word)
            for told in self.answers
            if start < told.at - told.seconds and told.at < end
        )

    async def _phone(self, client: httpx.AsyncClient) -> None:
        while not self._stopping:
            one = Bought(Sold(sku=self._dice.choice((SHIELD, SHIELD, BOOSTER))))
            self.bought.append(one)
            telling = [self._tell(client, one, one.sale.bought(), self._dice.choice((1, 1, 2)))]
            if self._dice.random() < 0.15:
                one.is_refunded = True
                telling.append(self._tell(client, one, one.sale.refunded(), 1))
            if self._dice.random() < 0.8:
                telling.append(self._claim(client, one))
            self._dice.shuffle(telling)
            await asyncio.gather(*telling)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(
        self, client: httpx.AsyncClient, one: Bought, event: dict[str, Any], times: int
    ) -> None:
        for _ in range(times):
            for _ in range(TRIES_MAX):
                status, _ = await self._send(client, "event", WEBHOOK, **posted(event))
                if status == 200:
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("An event was not received.")
        one.received.append(event["id"])

    async def _claim(self, client: httpx.AsyncClient, one: Bought) -> None:
        me = self._deployment.headers("authenticated", one.sale.user_id)
        for _ in range(TRIES_MAX):
            status, _ = await self._send(client, "claim", CLAIM, json=one.sale.claim, headers=me)
            if status in (200, 202):
                one.is_claimed = True
                return
            if status == 410:  # The refund was told before the claim.
                return
            await asyncio.sleep(0.1)
        raise AssertionError("A claim was neither granted nor accepted.")

    async def _send(
        self, client: httpx.AsyncClient, asked: str, path: str, **sent: Any
    ) -> tuple[int, str]:
        started = time.monotonic()
        try:
            answer = await client.post(self._deployment.url + path, **sent)
            status, told = answer.status_code, answer.json()
            word = str(told.get("effect") or told.get("error") or told.get("waits_for") or "")
        except httpx.TransportError:
            status, word = 0, "nobody"
        now = time.monotonic()
        self.answers.append(Told(now, asked, status, word, now - started))
        return status, word
