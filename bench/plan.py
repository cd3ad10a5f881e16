"""What is measured in which order, so that the whole ends in time and noise meets everybody."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from bench.carts.plan import SHORT as CARTS
from bench.carts.plan import CartPlan
from bench.orders import Sizes

SCENARIOS = ("spread", "hot", "seller")
# One call at a time, compared with each other block by block.
LONE_PATHS = ("sql", "engine", "classic", "v1", "rpc", "classic_http")
Callers = Mapping[str, tuple[int, ...]]

_MANY = (32, 128)
_QUICK: Mapping[str, Callers] = {
    "engine": {"spread": _MANY, "hot": _MANY, "seller": _MANY},
    "sql": {"spread": (32,), "hot": (32,)},
    "sql_batch": {"spread": (2,)},
    "v1": {"spread": (64,), "hot": (64,)},
    "v1_batch": {"spread": (4,)},
    "rpc": {"spread": (64,), "hot": (64,)},
    "classic": {"spread": _MANY, "hot": _MANY},
    "pgbench": {"spread": (32,), "hot": (32,)},
    "classic_http": {"spread": (64,), "hot": (64,)},
    "pgledger": {"spread": (32,), "hot": _MANY},
    "hordak": {"spread": (32,), "hot": (32,)},
    "naive": {"spread": (32,), "hot": (32,)},
    "floor": {"spread": (2,)},
}


def _everywhere(*callers: int) -> Callers:
    return dict.fromkeys(SCENARIOS, callers)


_FULL: Mapping[str, Callers] = {
    "engine": _everywhere(1, 8, 32, 128),
    "sql": _everywhere(1, 8, 32, 128),
    "sql_batch": _everywhere(2, 8),
    "v1": _everywhere(1, 8, 32, 64, 128),
    "v1_batch": {"spread": (2, 4, 8)},
    "rpc": _everywhere(1, 8, 32, 64, 128),
    "classic": _everywhere(1, 8, 32, 128),
    "pgbench": {"spread": (1, 8, 32, 128), "hot": (1, 8, 32, 128)},
    "classic_http": _everywhere(1, 8, 32, 64, 128),
    "pgledger": {"spread": (1, 8, 32, 128), "hot": (1, 8, 32, 128), "seller": _MANY},
    "hordak": {"spread": (1, 8, 32), "hot": (1, 8, 32)},
    "naive": {"spread": (8, 32), "hot": (8, 32)},
    "floor": {"spread": (2, 8)},
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One path in one scenario at one number of callers. Measured once in each round."""

    path: str
    scenario: str
    callers: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often and how many at once. `budget_seconds` bounds everything together.

    `open_loops` name a path and a scenario that are measured once more in each round, with orders
    that arrive at `open_share` of the throughput just measured at any number of callers.
    """

    mode: str
    grid: Mapping[str, Callers]
    budget_seconds: float
    rounds: int
    open_loops: tuple[tuple[str, str], ...]
    open_share: float = 0.7
    open_connections: int = 64
    open_seconds_min: float = 1.0
    cell_seconds_min: float = 0.7
    cell_seconds_max: float = 2.5
    warm_up_seconds: float = 0.15
    lone_blocks: int = 12
    lone_calls: int = 20
    poor_callers: int = 32
    sizes: Sizes = field(default_factory=Sizes)
    # Measured after everything else, and on top of the budget.
    carts: CartPlan | None = CARTS
    # Kept for buying on little money, for the audit and for stopping.
    reserve_seconds: float = 12.0

    def cells(self, names: Collection[str], number: int) -> Iterator[Cell]:
        """Yield the cells of round `number`.

        Those of one scenario and as many callers follow one another, whoever's they are, and the
        order among them is turned from round to round.
        """
        wanted = sorted(
            (
                (SCENARIOS.index(scenario), callers, place, name)
                for place, (name, scenarios) in enumerate(self.grid.items())
                if name in names
                for scenario, many in scenarios.items()
                for callers in many
            )
        )
        for (scenario, callers), group in groupby(wanted, lambda cell: cell[:2]):
            neighbours = list(group)
            turned = number % len(neighbours)
            for *_, name in (*neighbours[turned:], *neighbours[:turned]):
                yield Cell(name, SCENARIOS[scenario], callers)

    def cell_seconds(self, names: Collection[str], passed: float) -> float:
        """Return how long each cell may last so that all rounds end within the budget.

        `passed` seconds of it are spent already. It is never less than is worth measuring: then
        the run takes longer.
        """
        opened = sum(path in names for path, _ in self.open_loops)
        cells = sum(1 for _ in self.cells(names, 0)) + opened
        alone = sum(path in names for path in LONE_PATHS)
        # A millisecond or so for each call.
        lone = alone * (self.lone_blocks + 1) * self.lone_calls * 0.0015
        left = self.budget_seconds - self.reserve_seconds - passed - self.rounds * lone
        share = left / (self.rounds * max(1, cells)) - self.warm_up_seconds - _BETWEEN_SECONDS
        return min(self.cell_seconds_max, max(self.cell_seconds_min, share))


# What passes between two cells: the last answers, and gathering garbage.
_BETWEEN_SECONDS = 0.12
QUICK = Plan(
    mode="quick",
    grid=_QUICK,
    budget_seconds=140,
    rounds=3,
    open_loops=(("v1", "spread"),),
)
FULL = Plan(
    mode="full",
    grid=_FULL,
    budget_seconds=570,
    rounds=5,
    open_loops=(("v1", "spread"), ("v1", "hot"), ("classic_http", "spread")),
    reserve_seconds=20,
)
