"""Who used the processors: this process, a server, PostgreSQL, or somebody else."""

import asyncio
import os
import time
from pathlib import Path

from bench.load import Load

# The last part of a cell is not watched: the callers may be done before the watch wakes up.
_WATCHED = 0.95


async def watch(
    load: Load, seconds: float, warm_up: float, server: int | None, database: int | None
) -> None:
    """Note in `load` who used the processors during `seconds` after `warm_up`.

    `server` and `database` are the first processes of the server and of PostgreSQL, if there are
    any; their children count as well.
    """
    await asyncio.sleep(warm_up)
    begun, before = time.perf_counter(), _spent(server, database)
    await asyncio.sleep(seconds * _WATCHED)
    passed = time.perf_counter() - begun
    after = _spent(server, database)
    load.client_cpu, load.server_cpu, load.database_cpu, machine = (
        (b - a) / passed for a, b in zip(before, after, strict=True)
    )
    known = load.client_cpu + load.server_cpu + load.database_cpu
    load.other_cpu = max(0.0, machine - known)


def _spent(server: int | None, database: int | None) -> tuple[float, float, float, float]:
    """Return processor seconds: this process's, the server's, the database's, the machine's."""
    return (
        time.process_time(),
        tree_seconds(server) if server else 0.0,
        tree_seconds(database) if database else 0.0,
        busy_seconds(),
    )


def process_seconds(pid: int) -> float:
    """Return the processor time another process has used; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def precise_seconds(pid: int) -> float:
    """Return the same to the nanosecond; 0 where the system does not tell."""
    try:
        spent, *_ = Path(f"/proc/{pid}/schedstat").read_text("utf-8").split()
    except (OSError, ValueError):
        return 0.0
    return int(spent) / 1e9


def tree_seconds(pid: int) -> float:
    """Return the processor time of a process and of its children that run, and theirs.

    0 where the system does not tell.
    """
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    except OSError:
        children = []
    return process_seconds(pid) + sum(tree_seconds(int(child)) for child in children)


def busy_seconds() -> float:
    """Return the processor time the whole machine has used; 0 where the system does not tell."""
    try:
        first = Path("/proc/stat").read_text("utf-8").partition("\n")[0].split()
    except OSError:
        return 0.0
    idle = int(first[4]) + int(first[5])
    return (sum(int(field) for field in first[1:9]) - idle) / os.sysconf("SC_CLK_TCK")
