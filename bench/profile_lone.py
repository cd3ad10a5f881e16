"""`python -m bench.profile_lone`: where the time of a lone purchase goes, on both sides.

The wall clock and the processor time of each process for a call, then the time that PostgreSQL
spends in each function, as its own statistics tell. Measuring functions slows them: compare shares.
"""

import time
from itertools import islice
from typing import Any, LiteralString

import psycopg
import uvloop
from psycopg.types.json import Json
from rich.console import Console
from rich.table import Table

from bench.orders import Orders, Sizes
from bench.paths.by_sql import request_of
from bench.paths.path import Buyer
from bench.paths.registry import make_paths
from bench.plan import LONE_PATHS
from bench.prepare import make_databases, running_cluster, site_of
from bench.processors import tree_seconds
from bursar.db.embedded import Cluster

_CALLS = 1500
_WARM_UP = 200
_BLOCK = 25
_FUNCTIONS: LiteralString = """
SELECT schemaname || '.' || funcname, calls, total_time, self_time FROM pg_stat_user_functions
ORDER BY self_time DESC
"""


async def profile(console: Console) -> None:
    """Measure the lone paths, then the functions inside the database."""
    sizes = Sizes()
    paths = [
        path
        for path in make_paths(LONE_PATHS)
        if isinstance(path, Buyer) and path.missing() is None
    ]
    with running_cluster() as cluster:
        make_databases(cluster, paths, sizes)
        for durable in (True, False):
            with psycopg.connect(cluster.url(), autocommit=True) as connection:
                connection.execute(
                    "ALTER SYSTEM SET synchronous_commit = on"
                    if durable
                    else "ALTER SYSTEM SET synchronous_commit = off"
                )
                connection.execute("SELECT pg_reload_conf()")
            console.print(await _table(cluster, paths, sizes, durable=durable))
        console.print(_functions(cluster, sizes))


async def _table(cluster: Cluster, paths: list[Buyer], sizes: Sizes, *, durable: bool) -> Table:
    wait = "waiting for the disk" if durable else "not waiting for the disk"
    table = Table(title=f"One caller, per purchase, {wait}", title_justify="left")
    table.add_column("path")
    for words in ("p10 ms", "p50 ms", "client CPU µs", "server CPU µs", "database CPU µs"):
        table.add_column(words, justify="right")
    for path in paths:
        table.add_row(path.title, *await _measure(cluster, path, sizes, durable=durable))
    return table


async def _measure(cluster: Cluster, path: Buyer, sizes: Sizes, *, durable: bool) -> list[str]:
    orders = Orders(sizes)
    stream = orders.of("spread")
    if not durable:  # the first pass has bought these
        list(islice(stream, _CALLS + _WARM_UP))
    await path.open(site_of(cluster, path, sizes))
    pid, server_pid = cluster.pid or 0, path.server_pid or 0
    try:
        for order in islice(stream, _WARM_UP):
            await path.buy([order])
        took = []
        before = (time.process_time(), tree_seconds(server_pid), tree_seconds(pid))
        for order in islice(stream, _CALLS):
            begun = time.perf_counter()
            await path.buy([order])
            took.append(1000 * (time.perf_counter() - begun))
        after = (time.process_time(), tree_seconds(server_pid), tree_seconds(pid))
    finally:
        await path.close()
    took.sort()
    spent = [1e6 * (b - a) / _CALLS for a, b in zip(before, after, strict=True)]
    return [
        f"{took[len(took) // 10]:.2f}",
        f"{took[len(took) // 2]:.2f}",
        *(f"{microseconds:.0f}" for microseconds in spent),
    ]


def _functions(cluster: Cluster, sizes: Sizes) -> Table:
    """Call the function in blocks on a connection that measures; keep the fastest block."""
    stream = Orders(sizes).of("spread")
    list(islice(stream, 3 * (_CALLS + _WARM_UP)))
    fastest: list[Any] = []
    with psycopg.connect(
        cluster.url(database="bench_sql"), autocommit=True, prepare_threshold=1
    ) as connection:
        connection.execute("SET track_functions = 'all'")
        for _ in range(_CALLS // _BLOCK):
            connection.execute("SELECT pg_stat_force_next_flush()")
            connection.execute("SELECT pg_stat_reset()")
            for order in islice(stream, _BLOCK):
                connection.execute(
                    "SELECT bursar.purchase_reward(%s::jsonb)", [Json([request_of(order)])]
                )
            connection.execute("SELECT pg_stat_force_next_flush()")
            rows = connection.execute(_FUNCTIONS).fetchall()
            if not fastest or sum(row[3] for row in rows) < sum(row[3] for row in fastest):
                fastest = rows
    table = Table(title="In the database, per purchase, µs, fastest block", title_justify="left")
    table.add_column("function")
    for words in ("calls", "total", "self"):
        table.add_column(words, justify="right")
    for name, calls, total, own in fastest:
        table.add_row(
            name,
            f"{calls / _BLOCK:.1f}",
            f"{1000 * total / _BLOCK:.0f}",
            f"{1000 * own / _BLOCK:.0f}",
        )
    return table


if __name__ == "__main__":
    uvloop.run(profile(Console()))
