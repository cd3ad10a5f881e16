"""Carrying out what was accepted and had to wait: from the spool, then from the database's queue.

Store events come before claims, and each in the order of its time: in parts, each one round trip
and one transaction. Everything has its own key, the store's, so replaying twice, or by two
processes, adds nothing. What fails by itself is set aside and listed, and whose wallet is locked
waits for the next replay; neither holds up the others.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from bursar.claims.spool import Spool
from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.ledger.answer import is_away, speaks_for_one_try

# Small enough that nobody who claims meanwhile waits long for a wallet.
PART = 50
# Things that found a wallet locked, at most, before a replay ends; each part with one costs the
# engine's patience.
BUSY_MAX = 200
# Things that one replay carries out, where nobody says otherwise: all of them.
ALL = sys.maxsize
# What stands in the way of a claim, or of an event, until an operator or the user changes it.
FOR_NOW = ("SKU_DISABLED", "WALLET_CLOSED", "BALANCE_LIMIT")
VERBS = {"event": "take_store_event", "claim": "claim_purchase"}
_encode = msgspec.json.Encoder().encode


class Ledger(Protocol):
    """What a replay needs of the ledger; `bursar.ledger.engine.Engine` has it."""

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out requests as if in array order, and return an outcome for each."""
        ...

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call `bursar.<function>` and return its decoded JSON."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a replay is. `done` were carried out, `aside` were set aside, `left` still wait.

    Of these, `busy` found somebody's wallet locked; they are tried again by the next replay.
    `refused` are those of the spool that were done by being refused for good: the kind, the id,
    and the code of each, since they stand nowhere else.
    """

    done: int = 0
    aside: int = 0
    left: int = 0
    busy: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)


class NotNow(Exception):
    """Changes are paused, the database is away, or it was enough: what is left has to wait."""


async def replay_spool(ledger: Ledger, spool: Spool, most: int = ALL) -> Progress:
    """Hand everything in the spool to the database, oldest first, store events before claims.

    Stops where the database is away again, or after the part with which `most` things are through;
    what was not carried out stays in the spool.
    """
    progress = Progress()
    async with spool.replaying() as alone:
        if not alone:
            return progress
        waiting = await spool.waiting()
        progress.left = len(waiting)
        try:
            for kind in VERBS:
                kept = [one for one in waiting if one.kept.kind == kind]
                for start in range(0, len(kept), PART):
                    part = kept[start : start + PART]
                    requests = [one.kept.request for one in part]
                    ended, may_go_on = await _carry_out(ledger, kind, requests, progress)
                    await spool.done(*(part[at] for at in ended))
                    if not may_go_on or progress.done + progress.aside >= most:
                        return progress
        except NotNow:
            return progress
        await spool.tidy()
    return progress


async def replay_queue(
    ledger: Ledger,
    on_progress: Callable[[Progress], None] | None = None,
    most: int = ALL,
) -> Progress:
    """Carry out the waiting events and claims of the database, in order, until none is left.

    While claims are queued nothing is carried out but by who asks for it, so this may be called
    at any time. `on_progress` is told after each part. Raises nothing; a database that goes away
    ends it early, and so does the part with which `most` things are through.
    """
    progress = Progress()
    seen: dict[str, set[str]] = {kind: set() for kind in VERBS}
    with contextlib.suppress(NotNow):
        while progress.done + progress.aside < most:
            kind, part = await _next_part(ledger, seen, progress)
            if not part:
                break
            seen[kind].update(_name(kind, one) for one in part)
            _, may_go_on = await _carry_out(ledger, kind, part, progress)
            if on_progress is not None:
                on_progress(progress)
            if not may_go_on:
                break
    return progress


async def replay_one(ledger: Ledger, kind: str, number: int) -> Progress:
    """Carry out one event or claim of the database that waits or was set aside, by its id there.

    It is carried out while claims are queued as well. Nothing is done, and nothing left, where it
    was carried out before.
    """
    request = await ledger.read("take_up_one", kind, number)
    progress = Progress(left=int(request is not None))
    if request is not None:
        with contextlib.suppress(NotNow):
            await _carry_out(ledger, kind, [request], progress)
    return progress


async def _next_part(
    ledger: Ledger, seen: Mapping[str, set[str]], progress: Progress
) -> tuple[str, list[Mapping[str, Any]]]:
    """Return what is to be carried out next, of one kind; nothing where nothing is left.

    Events and claims are looked for at one moment, every time: claims that are let through now must
    not overtake events that were kept with them a moment ago.
    """
    # Those that found a wallet locked are named again, and passed over.
    work = await _asked(ledger, "waiting_store_work", PART + progress.busy)
    progress.left = work["waiting_events"] + work["waiting_claims"]
    for kind in VERBS:
        part = [one for one in work[f"{kind}s"] if _name(kind, one) not in seen[kind]]
        if part:
            return kind, part
    return "", []


def _name(kind: str, request: Mapping[str, Any]) -> str:
    if kind == "event":
        return str(request["event"]["id"])
    return f"{request['user_id']} {request['tx_id']}"


async def _carry_out(
    ledger: Ledger, kind: str, requests: Sequence[Mapping[str, Any]], progress: Progress
) -> tuple[list[int], bool]:
    """Carry out a part. Return the places of those that wait no more, whatever they were answered,
    and whether it makes sense to go on."""
    ended: list[int] = []
    may_go_on = True
    for at, outcome in enumerate(await ledger.call_batch(VERBS[kind], requests)):
        if outcome["status"] == "fault":
            await _set_aside(ledger, kind, requests[at], str(outcome.get("message"))[:500])
            progress.aside += 1
        elif outcome.get("code") == "BUSY":
            progress.busy += 1
            may_go_on = may_go_on and not is_away(outcome) and progress.busy < BUSY_MAX
            continue
        elif outcome["status"] == "unknown" or speaks_for_one_try(outcome):
            # Changes are paused, or the functions of claims are not there (any more).
            may_go_on = False
            continue
        elif outcome.get("code") not in FOR_NOW:
            progress.done += 1
            if outcome["status"] == "refused" and not requests[at].get("queued"):
                progress.refused.append((kind, _id(kind, requests[at]), outcome["code"]))
        elif kind == "event" or requests[at].get("queued"):
            progress.aside += 1  # The database has set it aside.
        else:
            # It was accepted, so it goes into the queue, whose replay sets it aside.
            await _asked(ledger, "keep_claim", _encode(requests[at]).decode())
            progress.done += 1
        progress.left -= 1
        ended.append(at)
    return ended, may_go_on


async def _set_aside(ledger: Ledger, kind: str, request: Mapping[str, Any], why: str) -> None:
    """Put it where what has failed is listed; what comes from the spool is not there yet."""
    if not request.get("queued"):
        keep = "keep_store_event" if kind == "event" else "keep_claim"
        kept = request["event"] if kind == "event" else request
        await _asked(ledger, keep, _encode(kept).decode())
    await _asked(ledger, "set_store_work_aside", kind, _id(kind, request), why)


def _id(kind: str, request: Mapping[str, Any]) -> str:
    return str(request["event"]["id"] if kind == "event" else request["tx_id"])


async def _asked(ledger: Ledger, function: str, *arguments: Any) -> Any:
    try:
        return await ledger.read(function, *arguments)
    except (Fault, Refused, OutcomeUnknown) as error:
        raise NotNow from error
