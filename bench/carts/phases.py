"""Where the time of a cart goes inside the database, by phase.

PostgreSQL's own statistics tell how long each function took. Measuring that slows functions that
are called often: compare shares.
"""

import statistics
import time
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from bench.carts.stock import Stock
from bench.carts.way import Call

PHASES = ("read", "lock and judge", "post", "record", "frame", "outside")
_READ = ("read_carts", "read_uuids", "is_price_list", "workspaces_of", "independent_carts")
_JUDGE = (
    "lock_wallets_of",
    "lock_owners",
    "lock_asset",
    "lock_workspace_credit",
    "expire_lapsed",
    "lock_own_reservations",
    "judge_carts",
    "weigh_carts",
)
_POST = (
    "post",
    "decide",
    "write_wallets",
    "write_asset",
    "write_workspace_credit",
    "keep_workspace_totals",
    "remember",
)
_RECORD = ("record_lead_purchases", "count_sales", "stop_at_closed_gate", "log_conflicts")
# All others are the frame: the call itself, what may have to be tried again, the gate.
_PHASE_OF = {
    name: phase
    for phase, names in zip(PHASES, (_READ, _JUDGE, _POST, _RECORD), strict=False)
    for name in names
}
_FUNCTIONS: LiteralString = "SELECT funcname, self_time FROM pg_stat_user_functions"


class _Measured(Call):
    """The call, on a connection on which functions are timed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connection.execute("SET track_functions = 'all'")

    def forget(self) -> None:
        """Begin to count anew."""
        self._connection.execute("SELECT pg_stat_force_next_flush()")
        self._connection.execute("SELECT pg_stat_reset()")

    def functions(self) -> list[tuple[str, float]]:
        """Return each function's own time since then, in milliseconds."""
        self._connection.execute("SELECT pg_stat_force_next_flush()")
        return self._connection.execute(_FUNCTIONS).fetchall()


def measure_phases(
    url: str, stock: Stock, cells: Sequence[tuple[int, str]], carts: int
) -> tuple[list[dict[str, Any]], int]:
    """Buy `carts` carts of each size and kind as a superuser.

    Returns the medians by phase, and how many leads were bought.

    They are in microseconds; `outside` is what passes outside of any function: the commit, the way
    there and back.
    """
    took: dict[tuple[int, str], list[dict[str, float]]] = {cell: [] for cell in cells}
    way = _Measured(url)
    try:
        # The first few make the plans.
        for number in range(-2, carts):
            for size, sellers in cells:
                one = _one(way, stock, size, sellers)
                if number >= 0:
                    took[size, sellers].append(one)
    finally:
        way.close()
    phases = [
        {
            "size": size,
            "sellers": sellers,
            "us": {
                phase: round(statistics.median(one[phase] for one in took[size, sellers]), 1)
                for phase in PHASES
            },
        }
        for size, sellers in cells
    ]
    return phases, way.bought


def _one(way: _Measured, stock: Stock, size: int, sellers: str) -> dict[str, float]:
    leads, buyer = stock.leads(sellers, size), stock.buyer()
    way.forget()
    begun = time.perf_counter()
    if not way.buy(buyer, leads):
        raise psycopg.DataError("A cart of fresh leads was refused.")
    passed = 1e6 * (time.perf_counter() - begun)
    spent = dict.fromkeys(PHASES, 0.0)
    for name, milliseconds in way.functions():
        spent[_PHASE_OF.get(name, "frame")] += 1000 * milliseconds
    spent["outside"] = max(0.0, passed - sum(spent.values()))
    return spent
