"""What is measured in which order, so that the whole ends in time and noise meets everybody."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.orders import Sizes
from bench.paths.by_engine import ByEngine
from bench.paths.by_http import ByHttp, ClassicHttp
from bench.paths.by_sql import Sql, SqlBatch
from bench.paths.classic import Classic, Naive
from bench.paths.path import Path

SCENARIOS = ("spread", "hot")
PATHS: tuple[type[Path], ...] = (Sql, SqlBatch, ByEngine, ByHttp, Classic, ClassicHttp, Naive)
# One call at a time, compared with each other block by block.
LONE_PATHS = ("sql", "engine", "classic", "http", "classic_http")
CELL_SECONDS_MIN = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often and how many at once. `budget_seconds` bounds everything together."""

    budget_seconds: float = 285.0
    rounds: int = 3
    cell_seconds_max: float = 2.5
    callers: tuple[int, ...] = (1, 8, 32, 128)
    warm_up_seconds: float = 0.15
    lone_blocks: int = 15
    lone_calls: int = 20
    poor_callers: int = 32
    sizes: Sizes = field(default_factory=Sizes)
    # Kept for the lone calls, for the audit and for stopping.
    reserve_seconds: float = 45.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One round of one path in one scenario at one number of callers."""

    path: Path
    scenario: str
    callers: int


def cells(paths: Sequence[Path], plan: Plan, number: int) -> Iterator[Cell]:
    """Yield the cells of round `number`: paths that are compared follow one another closely."""
    for callers in plan.callers:
        for scenario in SCENARIOS:
            turned = number % len(paths)
            for path in (*paths[turned:], *paths[:turned]):
                if path.callers is None or callers in path.callers:
                    yield Cell(path, scenario, callers)


def cell_seconds(paths: Sequence[Path], plan: Plan, begun: float) -> float:
    """Return how long each cell may last so that all rounds end within the budget."""
    count = plan.rounds * sum(1 for _ in cells(paths, plan, 0))
    left = plan.budget_seconds - plan.reserve_seconds - (time.monotonic() - begun)
    share = left / count - plan.warm_up_seconds - 0.03
    return min(plan.cell_seconds_max, max(CELL_SECONDS_MIN, share))
