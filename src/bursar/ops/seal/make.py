"""Seals what is committed, one seal after the other, until nothing is left to seal."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bursar.errors import BursarError, Refused

# Of one seal: about a second's work, and never all the memory.
ENTRIES_MAX = 100_000
# How long one call waits for writers that have drawn an id already.
CALL_WAIT_MS = 2_000
PAUSE_SECONDS = 0.2


class NotSettled(BursarError):
    """A writer stayed open for too long, so it is not known what will be committed."""


class Reads(Protocol):
    """What sealing needs of a way to the ledger."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the function `bursar.<function>` and return its decoded JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run has sealed: in so many `seals`, and the chain's head after it.

    `number` and `head` are of the last seal; None where the ledger has none. Whoever keeps the
    head somewhere else can prove later that the chain was not made anew.
    """

    seals: int
    transactions: int
    entries: int
    number: int | None
    head: str | None
    seconds: float

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


async def seal_ledger(
    ledger: Reads,
    *,
    actor: str,
    wait_seconds: float = 30.0,
    on_seal: Callable[[int, int], object] = lambda done, ids: None,
) -> Sealed:
    """Seal all that was committed when it began, and say who did it.

    Nobody waits for it. It waits up to `wait_seconds` for writers that have drawn an id, and for
    whoever else is sealing. `on_seal` is told how many of the ids that were there are done.

    Raises `NotSettled` when a writer stayed open, `Refused` with DEGRADED while changes are paused,
    and `Fault` when something failed.
    """
    began = time.monotonic()
    seals = transactions = entries = 0
    first, last = None, 0
    while True:
        answer = await ledger.read("seal_ledger", actor, ENTRIES_MAX, CALL_WAIT_MS)
        if answer["status"] == "refused":
            raise Refused(answer["code"], answer["message"], answer["details"])
        if answer["status"] in ("busy", "waiting"):
            if time.monotonic() - began > wait_seconds:
                raise NotSettled(_WAITED[answer["status"]])
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if first is None:
            first, last = answer["from_id"], answer["settled_id"]
        if answer["number"] is not None:
            seals, entries = seals + 1, entries + answer["entries"]
            transactions += answer["transactions"]
            on_seal(min(answer["to_id"], last) - first + 1, last - first + 1)
        # What is written meanwhile is for the next time.
        if not answer["left"] or answer["to_id"] >= last:
            break
    head = await ledger.read("seal_head") or {"number": None, "digest": None}
    return Sealed(
        seals,
        transactions,
        entries,
        head["number"],
        head["digest"],
        round(time.monotonic() - began, 3),
    )


_WAITED = {
    "busy": "Somebody else is sealing, and has not ended.",
    "waiting": "A transaction that has drawn an id is still open, so it is not known yet what it "
    "will commit. `bursar.read_writers()` and pg_stat_activity name it.",
}
