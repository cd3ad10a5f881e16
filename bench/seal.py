"""`python -m bench.seal`: how long sealing, its proof and the audits take on a long history.

A database is filled as for bench.growth. Then, two connections each: the audit of everything, the
seals, their proof, and an incremental audit behind a checkpoint, before and after a few purchases.
"""

import argparse
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.growth_fill import database_of, make_histories
from bench.growth_orders import growth_sizes
from bench.machine import describe_machine
from bench.prepare import running_cluster
from bursar.client import connect
from bursar.ops.audit import run_audit
from bursar.ops.audit.checkpoint import record_checkpoint
from bursar.ops.seal import seal_ledger, verify_seals
from bursar.settings import Settings

_ENTRIES_MAX = 50_000_000
# Grants behind the checkpoint, each of two entries.
_LATER = 1_000
_SIZES = """
    SELECT pg_total_relation_size('bursar.seal') + pg_total_relation_size('bursar.seal_block'),
        pg_total_relation_size('bursar.entry') + pg_total_relation_size('bursar.transaction'),
        (SELECT count(*) FROM bursar.seal)
"""


def main() -> int:
    """Print the figures; return 1 when an audit or the seals found something."""
    parser = argparse.ArgumentParser(prog="bench.seal", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=10_000, help="buyers, and as many sellers")
    given = parser.parse_args()
    if not 2 <= given.entries <= _ENTRIES_MAX:
        parser.error(f"There can be from 2 to {_ENTRIES_MAX:,} entries.")
    console = Console()
    with running_cluster() as cluster:
        console.print(describe_machine(cluster.url()))
        sizes = growth_sizes(given.people)
        make_histories(cluster, [given.entries], sizes, lambda words: console.print(words))
        url = cluster.url(database=database_of(given.entries))
        table = Table("what", "seconds", "rows")
        sound = uvloop.run(_measure(url, table))
        with psycopg.connect(url) as connection:
            [(seals, history, number)] = connection.execute(_SIZES).fetchall()
    console.print(table)
    console.print(
        f"{number} seals take {seals / 2**20:.1f} MB, {100 * seals / history:.1f} % of the "
        f"{history / 2**20:.0f} MB of transactions and entries with their indexes."
    )
    return 0 if sound else 1


async def _measure(url: str, table: Table) -> bool:
    settings = Settings()
    sound = True

    async def timed(what: str, work: Callable[[], Awaitable[tuple[int, bool]]]) -> None:
        nonlocal sound
        began = time.monotonic()
        rows, holds = await work()
        sound = sound and holds
        table.add_row(what, f"{time.monotonic() - began:.2f}", f"{rows:,}")

    async def audit(**options: Any) -> tuple[int, bool]:
        report = await run_audit(url, settings, **options)
        if options.get("incremental"):
            await record_checkpoint(url, settings, report, "bench")
        return sum(verdict.rows for verdict in report.verdicts), report.clean

    async def seal() -> tuple[int, bool]:
        async with connect(url, settings=settings) as bank:
            made = await seal_ledger(bank, actor="bench")
        return made.transactions + made.entries, True

    async def verify() -> tuple[int, bool]:
        report = await verify_seals(url, settings)
        return report.rows, report.holds

    await timed("audit of everything", audit)
    await timed("the same again", audit)
    await timed("seal", seal)
    await timed("verify the seals", verify)
    await timed("incremental audit, no checkpoint yet", lambda: audit(incremental=True))
    await timed("incremental audit, nothing new", lambda: audit(incremental=True))
    async with connect(url, settings=settings) as bank:
        for _ in range(_LATER):
            await bank.grant(owner_id="later", asset="community_credit", amount=1)
    await timed(f"incremental audit, {_LATER:,} grants later", lambda: audit(incremental=True))
    return sound


if __name__ == "__main__":
    raise SystemExit(main())
