"""What was measured on: processors, memory, PostgreSQL, and how long this disk takes to be sure."""

import datetime
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from bursar.db.tuning import memory_bytes

_PAGE = 8192


def describe_machine(url: str) -> dict[str, Any]:
    """Return a description of this machine and of the server at `url`."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)",
            [
                [
                    "server_version",
                    "fsync",
                    "synchronous_commit",
                    "full_page_writes",
                    "wal_sync_method",
                    "shared_buffers",
                    "max_connections",
                ]
            ],
        ).fetchall()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor_model(),
        "cores": cores(),
        "memory_gb": round(memory_bytes() / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": dict(rows),
        "fsync_ms": fsync_milliseconds(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """Return the number of processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_model() -> str:
    """Return the processor's name as the kernel says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def fsync_milliseconds(times: int = 200) -> dict[str, float]:
    """Return how long it takes to write a page over an old one and have it on the disk."""
    sync = getattr(os, "fdatasync", os.fsync)
    took = []
    with tempfile.TemporaryFile(prefix="bursar-bench-") as file:
        file.write(b"\0" * _PAGE * 64)
        os.fsync(file.fileno())
        for n in range(times):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"\1" * _PAGE, _PAGE * (n % 64))
            sync(file.fileno())
            took.append(1000 * (time.perf_counter() - begun))
    took.sort()
    return {
        "median": round(statistics.median(took), 3),
        "p95": round(took[int(times * 0.95)], 3),
        "max": round(took[-1], 3),
    }
