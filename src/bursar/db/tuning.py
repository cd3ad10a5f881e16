"""The settings that an embedded PostgreSQL runs with, and why."""

import os
from collections.abc import Mapping
from pathlib import Path

_MEGABYTE = 1024 * 1024

# These decide who can reach the server, so nobody overrides them.
_FIXED = frozenset(
    {
        "listen_addresses",
        "unix_socket_directories",
        "unix_socket_permissions",
        "port",
        "hba_file",
        "password_encryption",
    }
)


def configuration_text(socket_directory: Path, port: int, overrides: Mapping[str, str]) -> str:
    """The text of our configuration file.

    `overrides` replaces or adds settings, for tests. Raises `ValueError` for one that would open
    another way to the server.
    """
    forbidden = sorted(_FIXED & {name.lower() for name in overrides})
    if forbidden:
        raise ValueError(f"These settings of an embedded PostgreSQL are fixed: {forbidden}")
    values = {
        **_reach(socket_directory, port),
        **_safety(),
        **_memory(memory_bytes()),
        **_log(),
        **{name.lower(): value for name, value in overrides.items()},
    }
    lines = ["# Written at every start. Changes made here are lost."]
    for name, value in values.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"


def memory_bytes() -> int:
    """The memory of this machine, or of this container if that is less, in bytes."""
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            available = min(available, int(text))
    return available


def _reach(socket_directory: Path, port: int) -> dict[str, str]:
    return {
        "listen_addresses": "",  # no TCP at all
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "port": str(port),
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
    }


def _safety() -> dict[str, str]:
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # After a checkpoint each purchase writes whole pages of its indexes to the log: rarely.
        "max_wal_size": "4GB",
        "min_wal_size": "128MB",
        "checkpoint_timeout": "15min",
        "deadlock_timeout": "1s",
        "timezone": "UTC",
        # Compiling a short statement takes longer than running it.
        "jit": "off",
        "random_page_cost": "1.1",
        # Balances are updated often: clean up behind them early.
        "autovacuum_naptime": "20s",
    }


def _memory(total: int) -> dict[str, str]:
    """A quarter of the memory for pages of ours, within 128 MB and 1 GB: it is not our machine."""
    buffers = min(max(total // 4 // _MEGABYTE, 128), 1024)
    cache = max(total // 2 // _MEGABYTE, buffers)
    return {
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{cache}MB",
        "maintenance_work_mem": f"{min(max(buffers // 4, 32), 128)}MB",
    }


def _log() -> dict[str, str]:
    return {
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "1s",
        # Parameters hold customers' data and sometimes secrets.
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
    }
