"""What a path is: a way to buy, on a database of its own."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Literal

from bench.load import Load
from bench.orders import Order, Sizes

# Connections of a pool. More do not help any of the paths on a small machine.
POOL_SIZE = 16
Template = Literal["template_bursar", "template_classic"]
Scenario = str


@dataclass(frozen=True, slots=True)
class Site:
    """Where a path finds its database: as its owner, and as the role the service logs in with.

    `database_pid` is the first process of PostgreSQL; `program` finds one of its programs.
    """

    url: str
    service_url: str
    sizes: Sizes
    database_pid: int | None
    program: Callable[[str], FilePath]


class Path(ABC):
    """A way to buy. One path's purchases never touch another's database.

    `kind` is ours, rival or floor; `says` tells in a sentence what a purchase is here. `needs` are
    the modules without which it is skipped. `template` names the database it starts from; None
    means an empty one that `fill` fills. `acknowledged` counts the purchases that were answered as
    done, `server_pid` names the process between client and database, if there is one.
    `round_trips` counts statements sent to the database, where the path can tell.
    """

    name: str
    title: str
    kind: Literal["ours", "rival", "floor"]
    says: str
    needs: tuple[str, ...] = ()
    template: Template | None = "template_bursar"
    expects_wrong_results = False
    # A path that does not look at the money is not asked to buy on too little.
    minds_the_money = True

    def __init__(self) -> None:
        self.acknowledged = 0
        self.server_pid: int | None = None
        self.round_trips: int | None = None

    @property
    def database(self) -> str:
        """The name of its database."""
        return f"bench_{self.name}"

    def missing(self) -> str | None:
        """Return why this path cannot be measured here, in a sentence, or None."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        return f"Not installed: {', '.join(absent)}." if absent else None

    def fill(self, url: str) -> None:
        """Fill a database that was made without a template, as its owner.

        `bench.opening` and `bench.assortment` are there; `bench.wallet` and `bench.purchase` have
        to be made for the audit.
        """
        raise NotImplementedError

    @abstractmethod
    async def open(self, site: Site) -> None:
        """Connect, and get ready to buy."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect, and stop what was started."""


class Buyer(Path):
    """A path that buys when it is told to; `per_call` orders go into one call."""

    per_call = 1

    @abstractmethod
    async def buy(self, orders: Sequence[Order]) -> int:
        """Carry out the orders and return how many are done; the rest were refused.

        Raises whatever its driver raises when a call fails.
        """


class SelfDriven(Path):
    """A path that is a load generator itself, with orders of its own."""

    minds_the_money = False

    @abstractmethod
    async def drive(self, scenario: Scenario, callers: int, seconds: float, warm_up: float) -> Load:
        """Let `callers` buy for `seconds` after `warm_up`."""
