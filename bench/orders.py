"""Who buys what next: orders in which no buyer ever meets the same reward twice."""

import hashlib
import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

PRICE = 10
OPENING_BALANCE = 1_000_000_000
# What a poor buyer can pay for, and how many purchases are tried on that money.
POOR_PURCHASES = 50
POOR_TRIES = 150
# Coprime to the numbers of wallets and rewards, so that each cycle meets all of them once.
BUYER_STRIDE = 7919
REWARD_STRIDE = 17


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is in each database before the first purchase.

    `stars` are sellers that many buyers meet at once, each with `star_rewards` on sale.
    """

    buyers: int = 10_000
    sellers: int = 10_000
    rewards: int = 40_000
    hot_buyers: int = 64
    poor_buyers: int = 8
    stars: int = 16
    star_rewards: int = 2_000

    def __post_init__(self) -> None:
        strides = (
            (BUYER_STRIDE, self.buyers),
            (REWARD_STRIDE, self.rewards),
            (REWARD_STRIDE, self.star_rewards),
        )
        if any(math.gcd(stride, number) > 1 for stride, number in strides):
            raise ValueError("The numbers of buyers and rewards must be coprime to the strides.")
        if self.rewards < POOR_TRIES:
            raise ValueError(f"There must be at least {POOR_TRIES} rewards.")


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase to be tried, with the key that makes it repeatable."""

    buyer: str
    reward: str
    key: str


def identity(kind: str, number: int | str) -> str:
    """Return the uuid of the `number`th buyer, seller and so on; SQL makes the same."""
    digest = hashlib.md5(f"{kind}-{number}".encode(), usedforsecurity=False)
    return str(uuid.UUID(digest.hexdigest()))


@lru_cache(maxsize=32)
def identities(kind: str, count: int) -> list[str]:
    """Return the uuids of the first `count` of a kind."""
    return [identity(kind, number) for number in range(count)]


class Orders:
    """The orders of one path. Every scenario goes on where its last cell ended.

    - `spread`: all buyers in turn, each from another seller than those around it.
    - `hot`: one buyer for each cell, sellers spread.
    - `seller`: one seller for each cell, buyers spread.
    - `poor`: one buyer with little money.
    """

    def __init__(self, sizes: Sizes) -> None:
        self._buyers = identities("buyer", sizes.buyers)
        self.rewards = identities("reward", sizes.rewards)
        self._spread = self._forever("spread", self.rewards)
        self._hot = [self._of_one("hot", n, sizes.rewards) for n in range(sizes.hot_buyers)]
        self._stars = [self._of_star(n, sizes.star_rewards) for n in range(sizes.stars)]
        self._poor = [self._of_one("poor", n, POOR_TRIES) for n in range(sizes.poor_buyers)]
        self._cells = {"hot": 0, "seller": 0, "poor": 0}

    def of(self, scenario: str) -> Iterator[Order]:
        """Return the orders of another cell of `scenario`."""
        if scenario == "spread":
            return self._spread
        crowd = {"hot": self._hot, "seller": self._stars, "poor": self._poor}[scenario]
        chosen = crowd[self._cells[scenario] % len(crowd)]
        self._cells[scenario] += 1
        return chosen

    def _of_star(self, number: int, rewards: int) -> Iterator[Order]:
        # A generator, so that nothing is made before it is asked for.
        yield from self._forever(f"star-{number}", identities(f"star-{number}", rewards))

    def _forever(self, kind: str, rewards: list[str]) -> Iterator[Order]:
        buyers = self._buyers
        for cycle in range(len(rewards)):
            for step in range(len(buyers)):
                at = step * BUYER_STRIDE % len(buyers)
                reward = rewards[(3 * at + cycle * REWARD_STRIDE) % len(rewards)]
                yield Order(buyers[at], reward, f"{kind}-{cycle}-{step}")

    def _of_one(self, kind: str, number: int, limit: int) -> Iterator[Order]:
        buyer = identity(kind, number)
        for n in range(limit):
            yield Order(buyer, self.rewards[n], f"{kind}-{number}-{n}")
