"""The audit from the snapshot to the report: pieces of work, shared by a few connections."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bursar.ops.audit.invariant import Invariant, load_invariants
from bursar.ops.audit.report import Finding, Report, Verdict
from bursar.ops.audit.snapshot import Snapshot, take_snapshot
from bursar.settings import Settings

# So many transactions and their entries are compared in the memory that a statement has.
_SLICE = 250_000
_SLICES_MAX = 4_000
_FIRST, _LAST = -(2**63), 2**63 - 1
_BOUNDS = """
    SELECT min(id), max(id) FROM (
        SELECT min(id) AS id FROM bursar.transaction
        UNION ALL SELECT max(id) FROM bursar.transaction
        UNION ALL SELECT min(transaction_id) FROM bursar.entry
        UNION ALL SELECT max(transaction_id) FROM bursar.entry
    ) AS ends
"""


@dataclass(slots=True)
class _Piece:
    """One statement: an invariant over all rows or a slice of them, or the count of its rows."""

    query: str
    parameters: Sequence[Any]
    finds_for: Verdict | None = None
    counts_for: list[Verdict] = field(default_factory=list)


async def run_audit(
    url: str,
    settings: Settings,
    *,
    only: Sequence[str] = (),
    limit: int = 20,
    jobs: int = 2,
    on_piece: Callable[[int, int], None] = lambda done, pieces: None,
) -> Report:
    """Check the invariants named in `only`, or all, on the database at `url`; change nothing.

    All of it is of one moment; writers are not held up, and what they write meanwhile is not
    looked at. `jobs` connections work side by side, with one processor of the server each. Of
    every invariant at most `limit` findings are told, and all are counted. `on_piece` is called
    after each statement with how many are done and how many there are.

    Raises `UnknownInvariant`, `NotInstalled`, `PartlyHidden`, and `psycopg.Error` for whatever the
    database says.
    """
    began = time.monotonic()
    invariants = load_invariants(only)
    async with take_snapshot(url, settings, jobs) as snapshot:
        verdicts = [
            Verdict(invariant) for invariant in invariants if await _applies(snapshot, invariant)
        ]
        pieces = await _pieces(snapshot, verdicts, limit)
        await _work(snapshot, pieces, limit, on_piece)
        return Report(verdicts, snapshot.taken_at, time.monotonic() - began)


async def _applies(snapshot: Snapshot, invariant: Invariant) -> bool:
    if not invariant.needs:
        return True
    query = "SELECT to_regclass($1) IS NOT NULL"
    return bool((await snapshot.rows(0, query, [invariant.needs]))[0][0])


async def _pieces(snapshot: Snapshot, verdicts: Sequence[Verdict], limit: int) -> list[_Piece]:
    """Return all statements, those in one piece first, because they take longest."""
    whole, sliced = [], []
    counts: dict[str, _Piece] = {}
    ranges = slices(*(await snapshot.rows(0, _BOUNDS, []))[0])
    for verdict in verdicts:
        invariant = verdict.invariant
        count = counts.setdefault(invariant.rows, _Piece(invariant.rows, []))
        count.counts_for.append(verdict)
        if invariant.sliced:
            sliced += [
                _Piece(invariant.query, [limit, first, last], verdict) for first, last in ranges
            ]
        else:
            whole.append(_Piece(invariant.query, [limit], verdict))
    return [*whole, *counts.values(), *sliced]


def slices(lowest: int | None, highest: int | None) -> list[tuple[int, int]]:
    """Cut the transactions into ranges of ids; the outer two are open, so that none is left out."""
    low, high = lowest or 0, highest or 0
    step = max(_SLICE, (high - low) // _SLICES_MAX + 1)
    cuts = list(range(low + step, high + 1, step))
    return list(zip([_FIRST, *cuts], [*(cut - 1 for cut in cuts), _LAST], strict=True))


async def _work(
    snapshot: Snapshot,
    pieces: Sequence[_Piece],
    limit: int,
    on_piece: Callable[[int, int], None],
) -> None:
    """Let every connection take the next piece when it is through with one."""
    waiting = deque(pieces)
    done = 0

    async def work_on(place: int) -> None:
        nonlocal done
        while waiting:
            await _do(snapshot, place, waiting.popleft(), limit)
            done += 1
            on_piece(done, len(pieces))

    try:
        async with asyncio.TaskGroup() as group:
            for place in range(len(snapshot.connections)):
                group.create_task(work_on(place))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _do(snapshot: Snapshot, place: int, piece: _Piece, limit: int) -> None:
    began = time.monotonic()
    rows = await snapshot.rows(place, piece.query, piece.parameters)
    for counted in piece.counts_for:
        counted.rows = rows[0][0]
    verdict = piece.finds_for
    if verdict is None:
        return
    verdict.seconds += time.monotonic() - began
    if rows:
        verdict.findings += rows[0][4]
        told = [Finding(what, ids, expected, found) for what, ids, expected, found, _ in rows]
        verdict.told += told[: limit - len(verdict.told)]
