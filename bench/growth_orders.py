"""Who buys what in a history of any length: arithmetic that fill and measurement share."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.orders import Order, Sizes, identity

# Coprime to the numbers of people and rewards, so that each cycle meets all of them once.
STRIDE = 7919
SHIFT = 17


def growth_sizes(people: int) -> Sizes:
    """Return as many buyers as sellers, and four rewards for each of them."""
    return Sizes(buyers=people, sellers=people, rewards=4 * people)


@dataclass(frozen=True, slots=True)
class History:
    """The purchases of a database from the first on.

    In each cycle every buyer buys once and every seller sells once; no buyer meets a reward twice
    in as many cycles as there are rewards.
    """

    sizes: Sizes

    def __post_init__(self) -> None:
        people, rewards = self.sizes.buyers, self.sizes.rewards
        if self.sizes.sellers != people or rewards % people or people % 3 == 0:
            raise ValueError("There must be as many sellers as buyers, and no multiple of three.")
        if math.gcd(STRIDE, people) > 1 or math.gcd(SHIFT, rewards) > 1:
            raise ValueError("The numbers of people and rewards must be coprime to the strides.")

    def order(self, number: int) -> Order:
        """Return purchase `number`, from 0; bench/growth_fill.sql makes the same."""
        people, rewards = self.sizes.buyers, self.sizes.rewards
        cycle, step = divmod(number, people)
        place = step * STRIDE % people
        reward = (3 * place + cycle * SHIFT) % rewards
        return Order(identity("buyer", place), identity("reward", reward), f"sale-{number}")

    def orders_from(self, number: int) -> Iterator[Order]:
        """Yield the purchases from `number` on."""
        return map(self.order, itertools.count(number))
