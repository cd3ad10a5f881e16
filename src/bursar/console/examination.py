"""The doctor at the console: the expected schema is built, compared, and the repair written out.

It works in a thread of its own. A thread cannot be broken off, so between its parts it asks whether
it is still wanted; what it has made by then, it removes.
"""

import asyncio
import threading

from bursar.console.check_runs import Found, Tell
from bursar.errors import BursarError
from bursar.ops.doctor.examine import Examination, build_expected, examine
from bursar.ops.doctor.expected import by_migrations
from bursar.ops.doctor.script import write_repair
from bursar.pages.words import counted

FINDINGS_KEPT = 200
REPAIR_LENGTH_MAX = 200_000
PARTS = 3


class NotWantedError(BursarError):
    """The examination was given up."""


async def examine_live(url: str, tell: Tell) -> Found:
    """Examine the database at `url`. Raises `BursarError` or `psycopg.Error` where that fails."""
    given_up = threading.Event()
    loop = asyncio.get_running_loop()

    def reached(part: int) -> None:
        if given_up.is_set():
            raise NotWantedError("It was given up.")
        loop.call_soon_threadsafe(tell, part, PARTS)

    def work() -> Examination:
        reached(0)

        def build(expected_url: str) -> None:
            reached(1)
            by_migrations()(expected_url)
            reached(2)

        expected, schemas = build_expected(url, build)
        found = examine(url, expected, schemas)
        reached(PARTS)
        return found

    try:
        return _told(await asyncio.to_thread(work))
    finally:
        given_up.set()


def _told(found: Examination) -> Found:
    """Return what was found, as the page and the journal show it."""
    counts = {
        severity: sum(one.severity == severity for one in found.findings)
        for severity in ("error", "warning", "note")
    }
    said = "The live schema is what the code expects."
    if not found.healthy:
        parts = [counted(count, name) for name, count in counts.items() if count]
        said = f"The live schema differs: {', '.join(parts)}."
    elif counts["note"]:
        said = f"The code finds what it expects; {counted(counts['note'], 'note')}."
    repair = write_repair(found.plan) if found.plan.steps else ""
    report = {
        "findings": [one.as_data() for one in found.findings[:FINDINGS_KEPT]],
        "count": len(found.findings),
        "repair": repair[:REPAIR_LENGTH_MAX],
        "whole": len(repair) <= REPAIR_LENGTH_MAX,
        "left_alone": [one.as_data() for one in found.plan.refusals],
    }
    return Found(found.healthy, said, report)
