"""Who buys what in a history of any length: arithmetic that fill and measurement share."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from bench.orders import BUYER_STRIDE, REWARD_STRIDE, Order, Sizes, identity


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

    def order(self, number: int) -> Order:
        """Return purchase `number`, from 0; bench/growth_fill.sql makes the same."""
        people, rewards = self.sizes.buyers, self.sizes.rewards
        cycle, step = divmod(number, people)
        place = step * BUYER_STRIDE % people
        reward = (3 * place + cycle * REWARD_STRIDE) % rewards
        return Order(identity("buyer", place), identity("reward", reward), f"sale-{number}")

    def orders_from(self, number: int) -> Iterator[Order]:
        """Yield the purchases from `number` on."""
        return map(self.order, itertools.count(number))
