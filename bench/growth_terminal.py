"""The report on growth for people: one table, a column for each size."""

from typing import Any

from rich.console import Console
from rich.table import Table

# The kernel's own work for the disk counts as others'; more than this is somebody.
NOISE_MAX = 0.3
_WALLETS = "public.user_credits"


def show(report: dict[str, Any], console: Console) -> None:
    """Print what was measured on, how quiet it was there, and the table."""
    machine, sizes = report["machine"], report["sizes"]
    console.print(
        f"\n{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" PostgreSQL {machine['postgres']['server_version']}, shared buffers"
        f" {machine['postgres']['shared_buffers']}, {machine['date']},"
        f" {report['wallets']:,} wallets, {report['seconds']:.0f} s in all\n"
    )
    noise = max(path["other_cpu"][0] for size in sizes for path in size["paths"].values())
    if noise > NOISE_MAX:
        console.print(
            f"NOISY: other programs kept up to {noise:.1f} of {machine['cores']} processors busy."
            " Believe ratios and processor times sooner than the rest.\n",
            style="bold yellow",
        )
    table = Table(title="Growth", title_justify="left")
    table.add_column("")
    for size in sizes:
        table.add_column(f"{size['entries']:,} entries", justify="right")
    for name in sizes[0]["paths"]:
        _add_path(table, [size["paths"][name] for size in sizes])
    for name in sizes[0]["reads_ms"]:
        cells = [size["reads_ms"][name] for size in sizes]
        table.add_row(f"{name}: p50, p95 ms", *(f"{c['p50']:.2f}, {c['p95']:.2f}" for c in cells))
    table.add_section()
    table.add_row("audit s", *(f"{size['audit']['seconds']:.1f}" for size in sizes))
    table.add_row("findings", *(str(size["audit"]["findings"]) for size in sizes))
    table.add_section()
    _add_upkeep(table, sizes)
    console.print(table)


def _add_path(table: Table, paths: list[dict[str, Any]]) -> None:
    def row(words: str, *cells: str) -> None:
        table.add_row(f"{paths[0]['title']}: {words}", *cells)

    row("purchases/s", *(_text(path["purchases_per_second"], 0) for path in paths))
    row("beside the smallest", *(_text(path["beside_the_smallest"], 2) for path in paths))
    row("p50, p95 ms", *(f"{path['p50_ms'][0]:.1f}, {path['p95_ms'][0]:.1f}" for path in paths))
    row("database µs", *(_text(path["database_us_per_purchase"], 0) for path in paths))
    row("WAL bytes", *(f"{path['wal_bytes_per_purchase']:,}" for path in paths))
    row("whole pages in it", *(f"{path['wal_pages_per_purchase']:.2f}" for path in paths))
    table.add_section()


def _add_upkeep(table: Table, sizes: list[dict[str, Any]]) -> None:
    wallets = [size["left_behind"][_WALLETS] for size in sizes]
    table.add_row(
        "disk bytes a purchase", *(f"{size['disk_bytes_per_purchase']:,}" for size in sizes)
    )
    table.add_row(
        "wallet updates in place", *(f"{one['share_in_page'] or 0:.1%}" for one in wallets)
    )
    table.add_row("dead wallet rows at the end", *(f"{one['dead_rows']:,}" for one in wallets))
    table.add_row("wallet table grown, kB", *(f"{one['table_bytes'] // 1024:,}" for one in wallets))
    vacuums = [sum(one["vacuums"] for one in size["left_behind"].values()) for size in sizes]
    table.add_row("autovacuums", *map(str, vacuums))


def _text(values: list[float], digits: int) -> str:
    middle, low, high = (f"{value:,.{digits}f}" for value in values)
    return f"{middle} ({low}–{high})"
