"""Decides the way up from the files and the memory alone; nothing here touches a database.

A routine is applied when its text is new or changed, when a step of its room runs, or when a file
that it requires is applied.

A step that is a contract removes what an older application still needs, so it waits until it is
asked for, unless its room is only now being installed. What comes after it in its room waits too.
"""

from collections.abc import Sequence

from bursar.ops.migrate.decide import Plan, PlannedRoutine, Problem, find_problems, spread
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.source import Source, Step, room_rank
from bursar.ops.migrate.state import State


def decide_up(
    source: Source,
    state: State,
    *,
    to: int | None = None,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
) -> Plan:
    """Decide which steps up to number `to` and which routines are to be applied.

    `rooms` limits the run to these and to what cannot be left out; `None` keeps the choice made
    last time, at first all. A room that is installed stays in step with the ledger even when it is
    not named. `contract` runs contracts as well. Raises `SourceInvalid` when `to` or a room does
    not exist.
    """
    chosen = _chosen(source, state, rooms)
    wanted = set(source.rooms) if chosen is None else {*source.always, *chosen, *state.rooms}
    limited = source.limited_to(wanted)
    if to is not None and source.step(to) is None:
        raise SourceInvalid(f"There is no step {to:04d}.")
    applied = {step.number for step in state.steps}
    pending = [step for step in limited.steps if step.number not in applied]
    held = () if contract else _held(pending, state)
    steps = [step for step in pending if (to is None or step.number <= to) and step not in held]
    # The routines of a release work on both sides of its contract, so they do not wait for it.
    later = {
        step.room: step
        for step in reversed(pending)
        if step not in steps and not (step in held and step.is_contract)
    }
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
        held=tuple(step for step in held if to is None or step.number <= to),
        waiting=waiting,
        verified=tuple(
            step
            for step in limited.steps
            if step.room in touched and (step.number in applied or step in steps)
        ),
        problems=find_problems(source, state) + _out_of_order(state, steps),
    )


def _chosen(source: Source, state: State, rooms: Sequence[str] | None) -> tuple[str, ...] | None:
    if rooms is None:
        return state.chosen_rooms
    unknown = sorted(set(rooms) - set(source.rooms))
    if unknown:
        raise SourceInvalid(
            f"There is no room {', '.join(unknown)}; there are {', '.join(source.rooms)}."
        )
    chosen = tuple(sorted({*rooms, *source.always}, key=room_rank))
    return None if chosen == source.rooms else chosen


def _held(pending: Sequence[Step], state: State) -> tuple[Step, ...]:
    """Return the contracts among `pending` that have to be asked for, and what follows them."""
    held: list[Step] = []
    for step in pending:
        behind = any(before.room == step.room for before in held)
        if behind or (step.is_contract and step.room in state.rooms):
            held.append(step)
    return tuple(held)


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
