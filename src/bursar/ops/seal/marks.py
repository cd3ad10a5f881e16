"""Names the rows of a block that are not as they were sealed, by the marks that were kept of them.

A mark has twelve bytes: how far the row's transaction lies before the seal's last, the row's line,
and the beginning of its digest. The line -32768 is the transaction itself.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bursar.ops.audit.report import Finding

_MARK = struct.Struct(">Ih6s")
TRANSACTION_LINE = -32768

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is now: its transaction, its line, the beginning of its digest, its text."""

    key: Key
    mark: bytes
    said: str


def read_marks(marks: bytes, last_id: int) -> list[tuple[Key, bytes]]:
    """Return the rows that were sealed, in their order. What is no whole mark is left out."""
    whole = len(marks) - len(marks) % _MARK.size
    return [
        ((last_id - distance, line), mark)
        for distance, line, mark in _MARK.iter_unpack(marks[:whole])
    ]


def name_rows(
    sealed: Iterable[tuple[Key, bytes]], rows: Iterable[Row], made_at: str
) -> list[Finding]:
    """Say which rows were edited, removed or put in since they were sealed at `made_at`."""
    there: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        there[row.key].append(row)
    findings = []
    for key, mark in sealed:
        same = next((row for row in there[key] if row.mark == mark), None)
        if same is not None:
            there[key].remove(same)
            continue
        # One that is still there under this name is what became of it.
        now = there[key].pop(0) if there[key] else None
        expected = f"digest {mark.hex()}…, sealed {made_at}"
        findings.append(_finding(key, "removed" if now is None else "edited", expected, now))
    for key, left in there.items():
        findings += [_finding(key, "put in", "nothing", row) for row in left]
    return sorted(findings, key=lambda finding: tuple(finding.ids.values()))


def _finding(key: Key, happened: str, expected: str, row: Row | None) -> Finding:
    kind, ids = named(key)
    found = "nothing" if row is None else f"digest {row.mark.hex()}…: {row.said}"
    return Finding(f"{kind} was {happened} after it was sealed", ids, expected, found)


def named(key: Key) -> tuple[str, dict[str, Any]]:
    """Return what a key is the key of, and the ids that name it."""
    transaction_id, line = key
    if line == TRANSACTION_LINE:
        return "a transaction", {"transaction_id": transaction_id}
    return "an entry", {"transaction_id": transaction_id, "line": line}
