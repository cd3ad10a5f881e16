"""The verification from the snapshot to the report: every seal is made again and compared."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bursar.ops.audit.report import Finding
from bursar.ops.audit.side_by_side import work_side_by_side
from bursar.ops.audit.snapshot import Snapshot, take_snapshot
from bursar.ops.seal.marks import Row, name_rows, named, read_marks
from bursar.ops.seal.query import query
from bursar.ops.seal.report import SealReport
from bursar.settings import Settings

_FIRST_ID = -(2**63)
_INSTALLED = "SELECT to_regclass('bursar.seal') IS NOT NULL"
_UNSEALED = "SELECT count(*) FROM bursar.transaction AS t WHERE t.id > $1::bigint"


@dataclass(slots=True)
class _Seal:
    """One seal as it is written down, what was found against it, and against its rows."""

    number: int
    from_id: int
    to_id: int
    row_count: int
    digest: str
    made_at: str
    against: list[Finding] = field(default_factory=list)
    rows: list[Finding] = field(default_factory=list)


async def verify_seals(
    url: str,
    settings: Settings,
    *,
    head: str | None = None,
    limit: int = 20,
    jobs: int = 2,
    on_piece: Callable[[int, int], None] = lambda done, pieces: None,
) -> SealReport:
    """Make every seal again from the rows as they are now, and say which rows differ.

    All of it is of one moment, on `jobs` connections, and nobody is held up. `head` is a digest
    that was kept somewhere else: where no seal has it, the chain was made anew, or cut. At most
    `limit` findings are told. `on_piece` is told after each seal how many are done.

    Raises `NotInstalled`, `PartlyHidden`, and `psycopg.Error` for whatever the database says.
    """
    began = time.monotonic()
    report = SealReport()
    async with take_snapshot(url, settings, jobs) as snapshot:
        seals = await _read_chain(snapshot)

        async def work(place: int, seal: _Seal) -> None:
            await _verify_rows(snapshot, place, seal, limit)

        await work_side_by_side(len(snapshot.connections), seals, work, on_piece)
        outside = await _outside(snapshot, seals, limit)
        for seal in seals:
            report.rows += seal.row_count
            if (seal.against or seal.rows) and report.broken is None:
                report.broken = seal.number
        if seals:
            last = seals[-1]
            report.seals, report.number, report.head = len(seals), last.number, last.digest
            report.unsealed = (await snapshot.rows(0, _UNSEALED, [last.to_id]))[0][0]
        report.taken_at = snapshot.taken_at
    # A seal that was changed itself may call any row another one, so that is told first.
    found = [*_anchor(report, seals, head), *(f for seal in seals for f in seal.against)]
    found += [*outside, *(f for seal in seals for f in seal.rows)]
    report.findings, report.told = len(found), found[:limit]
    report.seconds = time.monotonic() - began
    return report


async def _read_chain(snapshot: Snapshot) -> list[_Seal]:
    seals: list[_Seal] = []
    if not (await snapshot.rows(0, _INSTALLED, []))[0][0]:
        return seals
    for row in await snapshot.rows(0, query("chain"), []):
        number, from_id, to_id, row_count, digest, made_at, _, what, before, previous = row
        seal = _Seal(number, from_id, to_id, row_count, digest, made_at)
        if what is not None:
            ids = {"seal": number}
            seal.against.append(Finding(what, ids, f"after {before}", f"after {previous}"))
        seals.append(seal)
    return seals


async def _verify_rows(snapshot: Snapshot, place: int, seal: _Seal, limit: int) -> None:
    span: list[Any] = [seal.from_id, seal.to_id, seal.number]
    blocks = await snapshot.rows(place, query("blocks"), span)
    if not blocks[0][0]:
        what = "a seal is not what it was made as"
        ids = {"seal": seal.number}
        seal.against.append(Finding(what, ids, "a digest of what it says", seal.digest))
    for _, block, from_id, to_id, expected, found, is_same in blocks:
        if is_same or block is None:
            continue
        rows = []
        if len(seal.rows) < limit:
            rows = await _name(snapshot, place, seal, (from_id, to_id, block))
        ids = {"seal": seal.number, "from_id": from_id, "to_id": to_id}
        what = "rows are not what was sealed"
        seal.rows += rows or [Finding(what, ids, f"{expected} rows", f"{found} rows, another")]


async def _name(
    snapshot: Snapshot, place: int, seal: _Seal, block: tuple[int, int, int]
) -> list[Finding]:
    from_id, to_id, number = block
    found = await snapshot.rows(place, query("block"), [from_id, to_id, seal.number, number])
    sealed = [mark for row in found if row[4] is not None for mark in read_marks(row[4], row[5])]
    rows = [Row((row[0], row[1]), row[2], row[3]) for row in found if row[4] is None]
    return name_rows(sealed, rows, f"{seal.made_at} by seal {seal.number}")


async def _outside(snapshot: Snapshot, seals: list[_Seal], limit: int) -> list[Finding]:
    """Return what lies where nothing was when the first seal was made."""
    if not seals or seals[0].from_id == _FIRST_ID:
        return []
    bounds = [_FIRST_ID, seals[0].from_id - 1, limit]
    rows = await snapshot.rows(0, query("outside"), bounds)
    told = []
    for transaction_id, line, said, _ in rows:
        kind, ids = named((transaction_id, line))
        what = f"{kind} was put in before the first seal"
        told.append(Finding(what, ids, "nothing", said))
    return told


def _anchor(report: SealReport, seals: list[_Seal], head: str | None) -> list[Finding]:
    """Look for the seal that has the digest `head`; `NUMBER:DIGEST` asks for that seal alone."""
    if head is None:
        return []
    number, _, digest = head.strip().lower().rpartition(":")
    for seal in seals:
        if seal.digest == digest and number in ("", str(seal.number)):
            report.anchored = seal.number
            return []
    report.anchored = 0
    what = "the chain is not the one that this head is of"
    found = "no seal has it" if seals else "nothing is sealed"
    if number and any(str(seal.number) == number for seal in seals):
        found = f"seal {number} is {next(s.digest for s in seals if str(s.number) == number)}"
    return [Finding(what, {"head": head}, f"a seal with the digest {digest}", found)]
