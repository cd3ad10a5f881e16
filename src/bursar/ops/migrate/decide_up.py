"""Decides the way up from the files and the memory alone; nothing here touches a database.

A routine is applied when its text is new or changed, when a step of its room runs, or when a file
that it requires is applied.
"""

from collections.abc import Sequence

from bursar.ops.migrate.decide import Plan, PlannedRoutine, Problem, find_problems, spread
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.source import LEDGER, Source, Step, room_rank
from bursar.ops.migrate.state import State


def decide_up(
    source: Source, state: State, *, to: int | None = None, rooms: Sequence[str] | None = None
) -> Plan:
    """Decide which steps up to number `to` and which routines are to be applied.

    `rooms` limits the run to these and the ledger; `None` keeps the choice made last time, at
    first all. A room that is installed stays in step with the ledger even when it is not named.
    Raises `SourceInvalid` when `to` or a room does not exist.
    """
    chosen = _chosen(source, state, rooms)
    wanted = set(source.rooms) if chosen is None else {LEDGER, *chosen, *state.rooms}
    limited = source.limited_to(wanted)
    if to is not None and source.step(to) is None:
        raise SourceInvalid(f"There is no step {to:04d}.")
    applied = {step.number for step in state.steps}
    pending = [step for step in limited.steps if step.number not in applied]
    steps = [step for step in pending if to is None or step.number <= to]
    later = {step.room: step for step in reversed(pending) if step not in steps}
    routines, waiting = _routines_up(limited, state, steps, later)
    present = {routine.path for routine in limited.routines}
    forgotten = tuple(
        path for path, row in state.routines().items() if row.room in wanted and path not in present
    )
    touched = {step.room for step in steps} | {item.routine.room for item in routines}
    return Plan(
        "up",
        tuple(sorted(wanted, key=room_rank)),
        chosen,
        tuple(steps),
        routines,
        forgotten,
        waiting,
        tuple(
            step
            for step in limited.steps
            if step.room in touched and (step.number in applied or step in steps)
        ),
        find_problems(source, state) + _out_of_order(state, steps),
    )


def _chosen(source: Source, state: State, rooms: Sequence[str] | None) -> tuple[str, ...] | None:
    if rooms is None:
        return state.chosen_rooms
    unknown = sorted(set(rooms) - set(source.rooms))
    if unknown:
        raise SourceInvalid(
            f"There is no room {', '.join(unknown)}; there are {', '.join(source.rooms)}."
        )
    chosen = tuple(sorted({*rooms, LEDGER}, key=room_rank))
    return None if chosen == source.rooms else chosen


def _out_of_order(state: State, steps: Sequence[Step]) -> tuple[Problem, ...]:
    newest = {step.room: step for step in state.steps}
    return tuple(
        Problem(
            step.path("up"),
            f"comes before {newest[step.room].name}, which is in force; give it a higher number.",
        )
        for step in steps
        if step.room in newest and newest[step.room].number > step.number
    )


def _routines_up(
    source: Source, state: State, steps: Sequence[Step], later: dict[str, Step]
) -> tuple[tuple[PlannedRoutine, ...], tuple[str, ...]]:
    """Return the routines to apply and the paths of those that wait for a later step."""
    current = state.routines()
    stepped = {step.room: step.name for step in steps}
    waiting: set[str] = set()
    reasons: dict[str, str | None] = {}
    for routine in source.routines:
        if routine.room in later or waiting.intersection(routine.requires):
            waiting.add(routine.path)
            continue
        known = current.get(routine.path)
        if known is None:
            reasons[routine.path] = "new"
        elif known.checksum != routine.checksum:
            reasons[routine.path] = "changed"
        elif routine.room in stepped:
            reasons[routine.path] = f"after step {stepped[routine.room]}"
        else:
            reasons[routine.path] = None
    ready = [routine for routine in source.routines if routine.path not in waiting]
    return spread(ready, reasons), tuple(sorted(waiting))
