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
    words: str
    ours: Point
    theirs: Point | None = None
    at_least: float | None = None
    at_most: float | None = None


def _many() -> Iterator[Comparison]:
    """Yield what is wanted of 32 and of 128 callers alike."""
    for n in (32, 128):
        spread, hot = Point("engine", "spread", n), Point("engine", "hot", n)
        seller, classic_hot = Point("engine", "seller", n), Point("classic", "hot", n)
        at = f"{n} callers"
        yield Comparison(
            f"engine_hot_classic_hot_{n}",
            f"Hot buyer: engine / classic from Python, {at}",
            hot,
            classic_hot,
            at_least=10,
        )
        yield Comparison(
            f"engine_seller_classic_hot_{n}",
            f"Hot seller: engine / classic from Python on a hot buyer, {at}",
            seller,
            classic_hot,
            at_least=10,
        )
        yield Comparison(
            f"engine_hot_pgledger_hot_{n}",
            f"Hot buyer: engine / pgledger, {at}",
            hot,
            Point("pgledger", "hot", n),
            at_least=10,
        )
        yield Comparison(
            f"engine_hot_engine_spread_{n}",
            f"Engine: hot buyer / spread, {at}",
            hot,
            spread,
            at_least=0.9,
        )
        yield Comparison(
            f"engine_seller_engine_spread_{n}",
            f"Engine: hot seller / spread, {at}",
            seller,
            spread,
            at_least=0.9,
        )
        for scenario, words in (("hot", "hot buyer"), ("seller", "hot seller")):
            yield Comparison(
                f"engine_{scenario}_p99_{n}",
                f"Engine: p99 of a {words}, {at}, ms",
                Point("engine", scenario, n, "p99_ms"),
                at_most=50,
            )
        yield Comparison(
            f"engine_spread_classic_spread_{n}",
            f"Spread: engine / classic from Python, {at}",
            spread,
            Point("classic", "spread", n),
            at_least=3,
        )


_V1, _V1_HOT = Point("v1", "spread", 64), Point("v1", "hot", 64)
_FASTAPI, _FASTAPI_HOT = Point("classic_http", "spread", 64), Point("classic_http", "hot", 64)
_LONE_ENGINE = Point("engine", "spread", 0, "lone_ms")

COMPARISONS: tuple[Comparison, ...] = (
    *_many(),
    Comparison(
        "sql_batch_floor",
        "Spread: SQL, 100 per call, 2 connections / the floor",
        Point("sql_batch", "spread", 2),
        Point("floor", "spread", 2),
        at_least=0.6,
    ),
    Comparison(
        "v1_fastapi_spread",
        "Spread: /v1/purchases / classic behind FastAPI, 64 connections",
        _V1,
        _FASTAPI,
        at_least=2,
    ),
    Comparison(
        "v1_fastapi_hot",
        "Hot buyer: /v1/purchases / classic behind FastAPI, 64 connections",
        _V1_HOT,
        _FASTAPI_HOT,
        at_least=6,
    ),
    Comparison(
        "v1_open_p99",
        "/v1/purchases: p99 at 70 % of the peak, ms",
        Point("v1", "spread", 0, "open_p99_ms"),
        at_most=50,
    ),
    Comparison(
        "v1_batch_v1",
        "Spread: /v1/batch of 100, 4 connections / single requests, 64 connections",
        Point("v1_batch", "spread", 4),
        _V1,
        at_least=3,
    ),
    Comparison(
        "lone_engine_sql",
        "Lone caller's latency: engine / the function by SQL",
        _LONE_ENGINE,
        Point("sql", "spread", 0, "lone_ms"),
        at_most=1.15,
    ),
    Comparison(
        "lone_engine_classic",
        "Lone caller's latency: engine / classic from Python",
        _LONE_ENGINE,
        Point("classic", "spread", 0, "lone_ms"),
        at_most=1.3,
    ),
    # From here on without a target: good to know.
    Comparison(
        "lone_v1_fastapi",
        "Lone caller's latency: /v1/purchases / classic behind FastAPI",
        Point("v1", "spread", 0, "lone_ms"),
        Point("classic_http", "spread", 0, "lone_ms"),
    ),
    Comparison(
        "rpc_fastapi_spread",
        "Spread: stock RPC / classic behind FastAPI, 64 connections",
        Point("rpc", "spread", 64),
        _FASTAPI,
    ),
    Comparison(
        "rpc_fastapi_hot",
        "Hot buyer: stock RPC / classic behind FastAPI, 64 connections",
        Point("rpc", "hot", 64),
        _FASTAPI_HOT,
    ),
    Comparison(
        "engine_pgbench_spread",
        "Spread: engine / classic by pgbench, 32 callers",
        Point("engine", "spread", 32),
        Point("pgbench", "spread", 32),
    ),
    Comparison(
        "engine_pgbench_hot",
        "Hot buyer: engine / classic by pgbench, 32 callers",
        Point("engine", "hot", 32),
        Point("pgbench", "hot", 32),
    ),
    Comparison(
        "engine_hordak_spread",
        "Spread: engine / django-hordak, 32 callers",
        Point("engine", "spread", 32),
        Point("hordak", "spread", 32),
    ),
    Comparison(
        "engine_hordak_hot",
        "Hot buyer: engine / django-hordak, 32 callers",
        Point("engine", "hot", 32),
        Point("hordak", "hot", 32),
    ),
    Comparison(
        "engine_classic_database_us",
        "PostgreSQL's processor time for a purchase: engine / classic, spread, 32 callers",
        Point("engine", "spread", 32, "database_us"),
        Point("classic", "spread", 32, "database_us"),
    ),
)
