"""Writes the way up as SQL for psql or a dashboard's editor, without a database at hand.

Every part is a transaction of its own that checks that the part before it was run, does its work
and records it, so a part may be pasted alone and a later `status` is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bursar.ops.migrate.apart import apart_of
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.decide_up import decide_up
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.pieces import (
    apply_routine,
    begin_release,
    closed,
    record_step,
    with_limits,
)
from bursar.ops.migrate.session import LOCK_KEY, Limits
from bursar.ops.migrate.source import Routine, Source, Step
from bursar.ops.migrate.state import BOOKKEEPING, AppliedStep, State

# Each text is in a piece twice, to be run and to be remembered. Supabase's CLI reads statements of
# at most 256 kB, its editor takes less than a megabyte at a time.
_PIECE_CHARACTERS = 90_000
_EXPECT_PRESENT = """\
    IF (SELECT count(*) FROM bursar_meta.step WHERE number IN ({numbers})) < {count} THEN
        RAISE EXCEPTION 'An earlier step is missing; run the parts in order.';
    END IF;
"""
_EXPECT_MISSING = """\
    IF EXISTS (SELECT FROM bursar_meta.step WHERE number IN ({numbers})) THEN
        RAISE EXCEPTION 'This was applied before; go on with the next part.';
    END IF;
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece to run as a whole: its number from 1, what it does, and its SQL."""

    number: int
    title: str
    sql: str


def write_parts(
    source: Source,
    *,
    after: int = 0,
    to: int | None = None,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
    one_transaction: bool = False,
) -> tuple[Part, ...]:
    """Return the SQL that brings a database from step `after` to step `to`, by default all of it.

    Every routine is included, because what is in force is not known here. Contracts of rooms that
    are in force already are left out unless `contract`. With `one_transaction` what would run apart
    is written so that an editor may put it into a transaction. Raises `SourceInvalid`.
    """
    if after and source.step(after) is None:
        raise SourceInvalid(f"There is no step {after:04d}.")
    kept = source if rooms is None else source.limited_to(rooms)
    before = [step for step in kept.steps if step.number <= after]
    plan = decide_up(source, _as_if_applied(before), to=to, rooms=rooms, contract=contract)
    pieces = [("the runner's memory and the start of a release", _start(plan, before))]
    for step in plan.steps:
        pieces.append((f"step {step.name}", _step(step, before)))
        before.append(step)
    for room, group in groupby((item.routine for item in plan.routines), lambda item: item.room):
        pieces += [
            (f"routines of {room}", _routines(some, before)) for some in _in_pieces(list(group))
        ]
    for one in (one for step in plan.steps for one in apart_of(step)):
        if one_transaction:
            pieces.append((one.title, _transaction(_expect(before), one.in_transaction)))
        else:
            pieces.append((f"{one.title}, alone and in no transaction", f"{one.statement};\n"))
    pieces.append(("verification, which changes nothing", _verification(plan, before)))
    return tuple(
        Part(number, title, f"-- Part {number} of {len(pieces)}: {title}.\n{sql}")
        for number, (title, sql) in enumerate(pieces, start=1)
    )


def _as_if_applied(steps: Sequence[Step]) -> State:
    return State(
        tuple(
            AppliedStep(step.number, step.name, step.room, step.checksum, 0, "", "", 0)
            for step in steps
        )
    )


def _in_pieces(routines: Sequence[Routine]) -> list[list[Routine]]:
    """Cut routines into pieces of a size that editors take; a single one may be larger."""
    pieces: list[list[Routine]] = [[]]
    size = 0
    for routine in routines:
        if pieces[-1] and size + len(routine.text) > _PIECE_CHARACTERS:
            pieces.append([])
            size = 0
        pieces[-1].append(routine)
        size += len(routine.text)
    return pieces


def _start(plan: Plan, before: Sequence[Step]) -> str:
    return _transaction(
        closed(BOOKKEEPING.read_text("utf-8")),
        _expect(before, missing=plan.steps),
        begin_release("up", plan.chosen_rooms),
    )


def _step(step: Step, before: Sequence[Step]) -> str:
    expect = _expect(before, missing=[step])
    if step.transactional:
        return _transaction(expect, closed(step.up), record_step(step))
    note = "-- No transaction here: an editor that makes one must be given each statement alone."
    return "\n\n".join([note, expect, closed(step.up), record_step(step)]) + "\n"


def _routines(routines: Sequence[Routine], before: Sequence[Step]) -> str:
    return _transaction(_expect(before), *(apply_routine(routine) for routine in routines))


def _verification(plan: Plan, before: Sequence[Step]) -> str:
    pieces = [with_limits(step.path("verify"), step.verify) for step in plan.verified]
    return _transaction(_expect(before), *pieces)


def _expect(present: Sequence[Step], missing: Sequence[Step] = ()) -> str:
    """Return SQL that raises unless exactly the right steps are recorded."""
    text = "DO $expect$\nBEGIN\n"
    if present:
        text += _EXPECT_PRESENT.replace("{count}", str(len(present))).replace(
            "{numbers}", _numbers(present)
        )
    if missing:
        text += _EXPECT_MISSING.replace("{numbers}", _numbers(missing))
    return text + "END\n$expect$;"


def _numbers(steps: Sequence[Step]) -> str:
    return ", ".join(str(step.number) for step in steps)


def _transaction(*pieces: str) -> str:
    start = f"BEGIN;\n{Limits().statements};\nSELECT pg_catalog.pg_advisory_xact_lock({LOCK_KEY});"
    return "\n\n".join([start, *pieces, "COMMIT;"]) + "\n"
