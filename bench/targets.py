"""What is compared with what, and how much it is to be. Data only.

A comparison takes one measure of one cell, by itself or divided by that of another cell, in each
round. Its target is met when the median of the rounds reaches it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Measure = Literal["per_second", "p99_ms", "open_p99_ms", "lone_ms", "database_us"]


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of the run: a measure of a path, in a scenario, at a number of callers.

    An open loop and a lone caller have no number of callers: it is 0.
    """

    path: str
    scenario: str
    callers: int
    measure: Measure = "per_second"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ours`, divided by `theirs` where there are some. `at_least` or `at_most` is the target."""

    key: str
    group: str
    words: str
    ours: Point
    theirs: Point | None = None
    at_least: float | None = None
    at_most: float | None = None


def _throughput(
    key: str,
    group: str,
    words: str,
    ours: Point,
    theirs: Point,
    at_least: float | None = None,
) -> Comparison:
    return Comparison(key, group, words, ours, theirs, at_least=at_least)


def _many(n: int) -> Iterator[Comparison]:
    """Yield what is wanted of the engine with `n` callers."""
    group = f"Python engine, {n} callers"
    spread, hot, seller = (Point("engine", name, n) for name in ("spread", "hot", "seller"))
    classic, classic_hot = Point("classic", "spread", n), Point("classic", "hot", n)
    rows = (
        ("engine_hot_classic_hot", "hot buyer / classic, hot buyer", hot, classic_hot, 10),
        ("engine_seller_classic_hot", "hot seller / classic, hot buyer", seller, classic_hot, 10),
        (
            "engine_hot_pgledger_hot",
            "hot buyer / pgledger, hot buyer",
            hot,
            Point("pgledger", "hot", n),
            10,
        ),
        ("engine_spread_classic_spread", "spread / classic, spread", spread, classic, 3),
        ("engine_hot_engine_spread", "hot buyer / spread", hot, spread, 0.9),
        ("engine_seller_engine_spread", "hot seller / spread", seller, spread, 0.9),
    )
    for key, words, ours, theirs, at_least in rows:
        yield _throughput(f"{key}_{n}", group, words, ours, theirs, at_least)
    for scenario, words in (("hot", "hot buyer"), ("seller", "hot seller")):
        yield Comparison(
            f"engine_{scenario}_p99_{n}",
            group,
            f"{words}, p99 in ms",
            Point("engine", scenario, n, "p99_ms"),
            at_most=50,
        )


def _lone(key: str, words: str, ours: str, theirs: str, at_most: float) -> Comparison:
    return Comparison(
        key,
        "A lone caller's latency",
        words,
        Point(ours, "spread", 0, "lone_ms"),
        Point(theirs, "spread", 0, "lone_ms"),
        at_most=at_most,
    )


_HTTP = "Over HTTP, 64 connections"
_BATCHES = "A hundred at once"
_V1, _V1_HOT = Point("v1", "spread", 64), Point("v1", "hot", 64)
_FASTAPI, _FASTAPI_HOT = Point("classic_http", "spread", 64), Point("classic_http", "hot", 64)

_ALL: tuple[Comparison, ...] = (
    *_many(32),
    *_many(128),
    _throughput(
        "v1_fastapi_spread",
        _HTTP,
        "/v1/purchases / classic behind FastAPI, spread",
        _V1,
        _FASTAPI,
        2,
    ),
    _throughput(
        "v1_fastapi_hot",
        _HTTP,
        "/v1/purchases / classic behind FastAPI, hot buyer",
        _V1_HOT,
        _FASTAPI_HOT,
        6,
    ),
    Comparison(
        "v1_open_p99",
        _HTTP,
        "/v1/purchases at 70 % of the peak, spread, p99 in ms",
        Point("v1", "spread", 0, "open_p99_ms"),
        at_most=50,
    ),
    _throughput(
        "v1_batch_v1",
        _BATCHES,
        "/v1/batch, 4 connections / /v1/purchases, 64 connections, spread",
        Point("v1_batch", "spread", 4),
        _V1,
        3,
    ),
    _throughput(
        "sql_batch_floor",
        _BATCHES,
        "SQL, 2 connections / the floor, 2 connections, spread",
        Point("sql_batch", "spread", 2),
        Point("floor", "spread", 2),
        0.6,
    ),
    _lone("lone_engine_sql", "engine / the function by SQL", "engine", "sql", 1.15),
    _lone("lone_engine_classic", "engine / classic from Python", "engine", "classic", 1.3),
    _lone("lone_rpc_fastapi", "stock RPC / classic behind FastAPI", "rpc", "classic_http", 1.3),
    _lone("lone_v1_fastapi", "/v1/purchases / classic behind FastAPI", "v1", "classic_http", 1.3),
    # Those without a target are good to know.
    _throughput(
        "rpc_fastapi_spread",
        _HTTP,
        "stock RPC / classic behind FastAPI, spread",
        Point("rpc", "spread", 64),
        _FASTAPI,
    ),
    _throughput(
        "rpc_fastapi_hot",
        _HTTP,
        "stock RPC / classic behind FastAPI, hot buyer",
        Point("rpc", "hot", 64),
        _FASTAPI_HOT,
    ),
    *(
        _throughput(
            f"engine_{path}_{scenario}",
            "Python engine, 32 callers",
            f"{words} / {title}, {words}",
            Point("engine", scenario, 32),
            Point(path, scenario, 32),
        )
        for path, title in (("pgbench", "classic by pgbench"), ("hordak", "django-hordak"))
        for scenario, words in (("spread", "spread"), ("hot", "hot buyer"))
    ),
    Comparison(
        "engine_classic_database_us",
        "Python engine, 32 callers",
        "PostgreSQL's processor time for a purchase / classic, spread",
        Point("engine", "spread", 32, "database_us"),
        Point("classic", "spread", 32, "database_us"),
    ),
)
_GROUPS = list(dict.fromkeys(one.group for one in _ALL))
COMPARISONS = tuple(sorted(_ALL, key=lambda one: _GROUPS.index(one.group)))
