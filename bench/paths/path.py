"""What a path is: a way to buy, on a database of its own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from bench.orders import Order

# Connections of a pool. More do not help any of the paths on a small machine, and together the
# pools stay within the server's limit of 100.
POOL_SIZE = 16


class Path(ABC):
    """A way to buy. One path's purchases never touch another's database.

    `per_call` orders go into one call. `callers` are the numbers of callers at which it is
    measured, None for all. `acknowledged` counts the purchases that were answered as done,
    `server_pid` names the process between client and database, if there is one, and
    `database_pid` the first process of PostgreSQL.
    """

    name: str
    title: str
    template = "template_bursar"
    per_call = 1
    callers: tuple[int, ...] | None = None
    expects_wrong_results = False

    def __init__(self) -> None:
        self.acknowledged = 0
        self.server_pid: int | None = None
        self.database_pid: int | None = None

    @property
    def database(self) -> str:
        """The name of its database."""
        return f"bench_{self.name}"

    @abstractmethod
    async def open(self, url: str, service_url: str, buyers: Sequence[str]) -> None:
        """Connect to the database, as its owner or as the service, and get ready to buy."""

    @abstractmethod
    async def buy(self, orders: Sequence[Order]) -> int:
        """Carry out the orders and return how many are done; the rest were refused.

        Raises whatever its driver raises when a call fails.
        """

    @abstractmethod
    async def close(self) -> None:
        """Disconnect, and stop what was started."""
