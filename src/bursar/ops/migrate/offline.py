"""Writes the way up as SQL for psql or a dashboard's editor, without a database at hand.

Every part is a transaction of its own that checks that the part before it was run, does its work
and records it, so a part may be pasted alone and a later `status` is true.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import groupby

from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.decide_up import decide_up
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.session import LOCK_KEY, Limits
from bursar.ops.migrate.source import Routine, Source, Step
from bursar.ops.migrate.state import BOOKKEEPING, AppliedStep, State

_RELEASE = "(SELECT max(release) FROM bursar_meta.release)"
_MILLISECONDS = "(extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint"
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
    source: Source, *, after: int = 0, to: int | None = None, rooms: Sequence[str] | None = None
) -> tuple[Part, ...]:
    """Return the SQL that brings a database from step `after` to step `to`, by default all of it.

    Every routine is included, because what is in force is not known here. Raises `SourceInvalid`.
    """
    if after and source.step(after) is None:
        raise SourceInvalid(f"There is no step {after:04d}.")
    kept = source if rooms is None else source.limited_to(rooms)
    before = [step for step in kept.steps if step.number <= after]
    plan = decide_up(source, _as_if_applied(before), to=to, rooms=rooms)
    pieces = [("the runner's memory and the start of a release", _start(plan, before))]
    for step in plan.steps:
        pieces.append((f"step {step.name}", _step(step, before)))
        before.append(step)
    for room, group in groupby((item.routine for item in plan.routines), lambda item: item.room):
        pieces.append((f"routines of {room}", _routines(list(group), before)))
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


def _start(plan: Plan, before: Sequence[Step]) -> str:
    chosen = "NULL"
    if plan.chosen_rooms is not None:
        chosen = "ARRAY[" + ", ".join(f"'{room}'" for room in plan.chosen_rooms) + "]"
    return _transaction(
        _sql(BOOKKEEPING.read_text("utf-8")),
        _expect(before, missing=plan.steps),
        "INSERT INTO bursar_meta.release (release, direction, rooms, bursar_version)\n"
        f"SELECT coalesce(max(release), 0) + 1, 'up', {chosen}, '{metadata.version('bursar')}'\n"
        "FROM bursar_meta.release;",
    )


def _step(step: Step, before: Sequence[Step]) -> str:
    record = (
        "INSERT INTO bursar_meta.step (number, name, room, checksum, release, duration_ms)\n"
        f"VALUES ({step.number}, '{step.name}', '{step.room}', '{step.checksum}',\n"
        f"    {_RELEASE},\n    {_MILLISECONDS});"
    )
    expect = _expect(before, missing=[step])
    if step.transactional:
        return _transaction(expect, _sql(step.up), record)
    note = "-- No transaction here: an editor that makes one must be given each statement alone."
    return "\n\n".join([note, expect, _sql(step.up), record]) + "\n"


def _routines(routines: Sequence[Routine], before: Sequence[Step]) -> str:
    pieces = [_expect(before)]
    for routine in routines:
        pieces += [
            f"-- {routine.path}\n{Limits().statements};\n{_sql(routine.text)}",
            "INSERT INTO bursar_meta.routine (path, release, checksum, text)\n"
            f"VALUES ('{routine.path}', {_RELEASE},\n"
            f"    '{routine.checksum}',\n    {_quoted(routine.text)})\n"
            "ON CONFLICT (path, release) DO UPDATE\n"
            "SET checksum = excluded.checksum, text = excluded.text;",
        ]
    return _transaction(*pieces)


def _verification(plan: Plan, before: Sequence[Step]) -> str:
    pieces = [f"{Limits().statements};\n{_sql(step.verify)}" for step in plan.verified]
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


def _sql(text: str) -> str:
    """Return `text` so that another statement may follow."""
    stripped = text.rstrip()
    return stripped if stripped.endswith(";") else f"{stripped}\n;"


def _quoted(text: str) -> str:
    """Return `text` as a dollar-quoted literal, with a tag that it does not contain."""
    tag = "text"
    while re.search(rf"\${tag}\$", text):
        tag += "_"
    return f"${tag}${text}${tag}$"
