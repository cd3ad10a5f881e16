"""The audit from the snapshot to the report: pieces of work, shared by a few connections."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bursar.ops.audit.invariant import Invariant, load_invariants
from bursar.ops.audit.report import Finding, Report, Verdict
from bursar.ops.audit.side_by_side import work_side_by_side
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


# A checkpoint of a seal that is not that seal any more is none.
_MARKS = """
    SELECT c.seal, c.to_id, c.keys_from, (SELECT max(s.number) FROM bursar.seal AS s)
    FROM (SELECT 1) AS one
    LEFT JOIN (
        -- No transaction that writes a key is open for a day.
        SELECT p.seal, s.to_id, (s.made_at - interval '1 day')::text AS keys_from
        FROM bursar.seal_checkpoint AS p
        JOIN bursar.seal AS s ON s.number = p.seal AND s.digest = p.digest
        ORDER BY p.seal DESC LIMIT 1
    ) AS c ON true
"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Where an incremental audit begins, and the last seal that there is."""

    checkpoint: int | None = None
    last_id: int | None = None
    keys_from: str | None = None
    covered: int | None = None


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
    incremental: bool = False,
    limit: int = 20,
    jobs: int = 2,
    on_piece: Callable[[int, int], None] = lambda done, pieces: None,
) -> Report:
    """Check the invariants named in `only`, or all, on the database at `url`; change nothing.

    All of it is of one moment; writers are not held up, and what they write meanwhile is not
    looked at. `jobs` connections work side by side, with one processor of the server each. Of
    every invariant at most `limit` findings are told, and all are counted. `on_piece` is called
    after each statement with how many are done and how many there are.

    An `incremental` one looks only at what came behind the last checkpoint, where that is enough;
    whatever lies before it is taken to be as it was then, which `verify_seals` proves.

    Raises `UnknownInvariant`, `NotInstalled`, `PartlyHidden`, and `psycopg.Error` for whatever the
    database says.
    """
    began = time.monotonic()
    invariants = load_invariants(only)
    async with take_snapshot(url, settings, jobs) as snapshot:
        mark = await _marks(snapshot) if incremental else Marks()
        if mark.last_id is not None and mark.keys_from is not None:
            last_id, keys_from = mark.last_id, mark.keys_from
            invariants = tuple(one.behind(last_id, keys_from) for one in invariants)
        verdicts = [
            Verdict(invariant) for invariant in invariants if await _applies(snapshot, invariant)
        ]
        pieces = await _pieces(snapshot, verdicts, limit)

        async def work(place: int, piece: _Piece) -> None:
            await _do(snapshot, place, piece, limit)

        await work_side_by_side(len(snapshot.connections), pieces, work, on_piece)
        seconds = time.monotonic() - began
        return Report(verdicts, snapshot.taken_at, seconds, mark.checkpoint, mark.covered)


async def _marks(snapshot: Snapshot) -> Marks:
    if not (await snapshot.rows(0, "SELECT to_regclass('bursar.seal') IS NOT NULL", []))[0][0]:
        return Marks()
    return Marks(*(await snapshot.rows(0, _MARKS, []))[0])


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
        begin = _FIRST if invariant.since is None else invariant.since + 1
        if invariant.sliced:
            sliced += [
                _Piece(invariant.query, [limit, max(first, begin), last], verdict)
                for first, last in ranges
                if last >= begin
            ]
        else:
            behind = [] if "$2" not in invariant.query else [invariant.since]
            whole.append(_Piece(invariant.query, [limit, *behind], verdict))
    return [*whole, *counts.values(), *sliced]


def slices(lowest: int | None, highest: int | None) -> list[tuple[int, int]]:
    """Cut the transactions into ranges of ids; the outer two are open, so that none is left out."""
    low, high = lowest or 0, highest or 0
    step = max(_SLICE, (high - low) // _SLICES_MAX + 1)
    cuts = list(range(low + step, high + 1, step))
    return list(zip([_FIRST, *cuts], [*(cut - 1 for cut in cuts), _LAST], strict=True))


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
