"""Every path by its name, in the order of the report."""

from collections.abc import Sequence
from pathlib import Path as FilePath

from bench.paths.by_engine import ByEngine
from bench.paths.by_http import V1, ClassicHttp, Rpc, V1Batch
from bench.paths.by_sql import Sql, SqlBatch
from bench.paths.classic import Classic, Naive
from bench.paths.floor import Floor
from bench.paths.hordak import Hordak
from bench.paths.path import Path
from bench.paths.pgbench import PgBench
from bench.paths.pgledger import PgLedger

PATHS: tuple[type[Path], ...] = (
    ByEngine,
    Sql,
    SqlBatch,
    V1,
    V1Batch,
    Rpc,
    Classic,
    PgBench,
    ClassicHttp,
    PgLedger,
    Hordak,
    Naive,
    Floor,
)
NAMES = tuple(path.name for path in PATHS)


def make_paths(names: Sequence[str], pgledger: FilePath | None = None) -> list[Path]:
    """Return the paths of these names, all of them when there are none, in the report's order.

    Raises `ValueError` that names the paths there are when one is unknown.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ValueError(f"There is no path {', '.join(unknown)}. There are: {', '.join(NAMES)}.")
    return [
        PgLedger(pgledger) if path is PgLedger else path()
        for path in PATHS
        if not names or path.name in names
    ]
