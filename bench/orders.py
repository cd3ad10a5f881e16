"""Who buys what next: orders in which no buyer ever meets the same reward twice."""

import hashlib
import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

PRICE = 10
OPENING_BALANCE = 1_000_000_000
# What a poor buyer can pay for, and how many purchases are tried on that money.
POOR_PURCHASES = 50
POOR_TRIES = 150
# Coprime to the numbers of wallets and rewards, so that each cycle meets all of them once.
_BUYER_STRIDE = 7919
_REWARD_STRIDE = 17


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is in each database before the first purchase."""

    buyers: int = 10_000
    sellers: int = 10_000
    rewards: int = 40_000
    hot_buyers: int = 64
    poor_buyers: int = 8

    def __post_init__(self) -> None:
        if math.gcd(_BUYER_STRIDE, self.buyers) > 1 or math.gcd(_REWARD_STRIDE, self.rewards) > 1:
            raise ValueError("The numbers of buyers and rewards must be coprime to the strides.")
        if self.rewards < POOR_TRIES:
            raise ValueError(f"There must be at least {POOR_TRIES} rewards.")


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase to be tried, with the key that makes it repeatable."""

    buyer: str
    reward: str
    key: str


def identity(kind: str, number: int) -> str:
    """Return the uuid of the `number`th buyer, seller and so on; SQL makes the same."""
    digest = hashlib.md5(f"{kind}-{number}".encode(), usedforsecurity=False)
    return str(uuid.UUID(digest.hexdigest()))


class Orders:
    """The orders of one path. Every scenario goes on where its last round ended."""

    def __init__(self, sizes: Sizes) -> None:
        self._buyers = [identity("buyer", n) for n in range(sizes.buyers)]
        self._rewards = [identity("reward", n) for n in range(sizes.rewards)]
        self._hot = iter(range(sizes.hot_buyers))
        self._poor = iter(range(sizes.poor_buyers))
        self._spread = self._spread_forever()

    def of(self, scenario: str) -> Iterator[Order]:
        """Return the orders of another round of `scenario`: spread, hot or poor."""
        if scenario == "spread":
            return self._spread
        if scenario == "hot":
            return self._of_one("hot", next(self._hot), len(self._rewards))
        return self._of_one("poor", next(self._poor), POOR_TRIES)

    def buyers(self) -> list[str]:
        """Return everybody who may buy in the spread scenario."""
        return self._buyers

    def _spread_forever(self) -> Iterator[Order]:
        buyers, rewards = self._buyers, self._rewards
        for cycle in range(len(rewards)):
            for step in range(len(buyers)):
                at = step * _BUYER_STRIDE % len(buyers)
                reward = rewards[(3 * at + cycle * _REWARD_STRIDE) % len(rewards)]
                yield Order(buyers[at], reward, f"spread-{cycle}-{step}")

    def _of_one(self, kind: str, number: int, limit: int) -> Iterator[Order]:
        buyer = identity(kind, number)
        for n in range(limit):
            yield Order(buyer, self._rewards[n], f"{kind}-{number}-{n}")
