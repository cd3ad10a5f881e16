"""Figures and facts of a result as they are written, at the terminal and on the page."""

from typing import Any

from rich.markup import escape


def machine_text(machine: dict[str, Any]) -> str:
    """Return what was measured on."""
    return escape(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" PostgreSQL {machine['postgres']['server_version']}, fsync"
        f" {machine['postgres']['fsync']}: {machine['fsync_ms']['median']} ms"
        f" (p95 {machine['fsync_ms']['p95']}), load before {machine['load_average_before']},"
        f" {machine['date']}"
    )


def spread_text(spread: list[float], digits: int = 2) -> str:
    """Return a spread as `median (smallest–largest)`."""
    median, smallest, largest = (f"{value:,.{digits}f}" for value in spread)
    return f"{median} ({smallest}–{largest})"


def target_text(comparison: dict[str, Any]) -> str:
    """Return a comparison's target as it is written: `≥ 10`."""
    if comparison["target"] is None:
        return ""
    sign = {"at_least": "≥", "at_most": "≤"}[comparison["sense"]]
    return f"{sign} {comparison['target']:g}"
