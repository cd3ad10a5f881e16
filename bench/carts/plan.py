"""What is measured of carts, how often, and how much there is to buy."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.carts.stock import Stock

# Whose leads are in a cart: one seller's, ten sellers', or each another seller's.
SELLERS = ("one", "ten", "each")
_SELLERS_OF = {1: ("one",), 3: ("one", "each"), 10: ("one", "each")}
# Ways that are measured at some sizes only, with leads of one seller.
_SOME = {
    "engine": (1, 3, 100),
    "http": (1, 3, 100),
    "call_far": (1, 3, 10, 100),
    "loop_far": (1, 3, 10, 100),
}
WAYS = ("call", "loop", "engine", "http", "call_far", "loop_far")


@dataclass(frozen=True, slots=True)
class Cell:
    """One way at one size of cart, with so many sellers. Measured once in each round."""

    way: str
    size: int
    sellers: str


@dataclass(frozen=True, slots=True)
class CartPlan:
    """How often and how much. A round's value is the median of `calls` of that size.

    `far_seconds` is how long a question and its answer take together on the longer wire.
    """

    rounds: int = 15
    sizes: tuple[int, ...] = (1, 3, 10, 100, 500)
    calls: dict[int, int] = field(
        default_factory=lambda: {1: 10, 3: 10, 10: 6, 100: 3, 500: 2}, hash=False
    )
    phase_carts: int = 15
    far_seconds: float = 0.0005
    # Of each kind of stock, at least: tables of some size make plans what they are elsewhere.
    leads_min: int = 40_000

    def cells(self, number: int) -> Iterator[Cell]:
        """Yield the cells of round `number`: neighbours compare, and their order is turned."""
        for size in self.sizes:
            for sellers in _SELLERS_OF.get(size, SELLERS):
                ways = [
                    way
                    for way in WAYS
                    if way not in _SOME or (size in _SOME[way] and sellers == "one")
                ]
                turned = number % len(ways)
                for way in (*ways[turned:], *ways[:turned]):
                    yield Cell(way, size, sellers)

    def stock_needed(self) -> int:
        """Return how many leads of each kind a database must have, at most."""
        stock = Stock()
        for number in range(self.rounds + 1):
            for cell in self.cells(number):
                for _ in range(self.calls[cell.size]):
                    stock.take(cell.sellers, cell.size)
        for size in self.sizes:
            for sellers in SELLERS:
                for _ in range(2 * self.phase_carts):
                    stock.take(sellers, size)
        return max(self.leads_min, *stock.taken.values())


FULL = CartPlan()
SHORT = CartPlan(
    rounds=5,
    calls={1: 8, 3: 8, 10: 4, 100: 3, 500: 1},
    phase_carts=8,
)
