"""Leads that nobody has bought yet, handed out in the order in which the databases have them."""

from bench.orders import identity

# Leads come in blocks; a cart lies within one. In a block of kind `one` all have one seller, in one
# of kind `ten` they have ten in turn, in one of kind `each` no two have the same.
BLOCK = 500
BUYERS = SELLING = 5000


class Stock:
    """What is left to buy in one database. `taken` counts what is gone of each kind."""

    def __init__(self) -> None:
        self.taken = {"one": 0, "ten": 0, "each": 0}
        self._carts = 0

    def take(self, kind: str, size: int) -> range:
        """Return the numbers of the next `size` leads of a kind."""
        first = self.taken[kind]
        if first % BLOCK + size > BLOCK:
            first += BLOCK - first % BLOCK
        self.taken[kind] = first + size
        return range(first, first + size)

    def leads(self, kind: str, size: int) -> list[str]:
        """Return the ids of the next `size` leads of a kind."""
        return [identity(kind, number) for number in self.take(kind, size)]

    def buyer(self) -> str:
        """Return whose turn it is to buy: everybody who does not sell, one after the other."""
        self._carts += 1
        return identity("workspace", self._carts % BUYERS)
