"""Decides the way down from the files and the memory alone; nothing here touches a database.

Routines get back the texts that were in force before the release of the first undone step.
"""

from collections.abc import Collection, Sequence

from bursar.ops.migrate.decide import Plan, find_problems, spread, up_path
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.source import Routine, Source, room_rank, sort_routines
from bursar.ops.migrate.state import AppliedStep, RoutineText, State


def decide_down(source: Source, state: State, *, to: int | None = None) -> Plan:
    """Decide how to get back to where step `to` was the last one; `None` undoes one step.

    Raises `SourceInvalid` when step `to` is not in force (0 means none and always is).
    """
    numbers = [step.number for step in state.steps]
    if to is None:
        to = numbers[-2] if len(numbers) > 1 else 0
    elif to and to not in numbers:
        raise SourceInvalid(f"Step {to:04d} is not in force, so there is no way back to it.")
    undone = [step for step in reversed(state.steps) if step.number > to]
    remaining = [step for step in state.steps if step.number <= to]
    rooms = tuple(sorted({step.room for step in remaining}, key=room_rank))
    files = [source.step(step.number) for step in undone]
    problems = tuple(
        problem
        for problem in find_problems(source, state)
        if problem.path in {up_path(step.name) for step in undone}
    )
    plan = Plan("down", rooms, state.chosen_rooms, problems=problems)
    if not undone or None in files:
        return plan
    target, notes = _texts_before(state, min(step.release for step in undone), remaining)
    routines = sort_routines([Routine(path, text) for path, text in target.items()])
    touched = {step.room for step in undone}
    current = state.routines()
    return Plan(
        "down",
        rooms,
        state.chosen_rooms,
        tuple(step for step in files if step is not None),
        spread(
            routines,
            {
                routine.path: _reason_down(routine, current.get(routine.path), touched)
                for routine in routines
            },
        ),
        tuple(path for path in current if path not in target),
        verified=tuple(
            step for step in (source.step(step.number) for step in remaining) if step is not None
        ),
        problems=problems,
        notes=notes,
    )


def _texts_before(
    state: State, release: int, remaining: Sequence[AppliedStep]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the routine texts of the remaining rooms as they were before `release`, and notes.

    Steps that one release applied together have no texts of their own in between. When some of
    them remain, or a remaining room had no routine yet, the texts stay as they are: the least
    change that is known to fit.
    """
    current = state.routines()
    before = state.routines(before_release=release)
    shared = any(step.release >= release for step in remaining)
    target: dict[str, str] = {}
    for room in {step.room for step in remaining}:
        earlier = {path: row for path, row in before.items() if row.room == room}
        now = {path: row for path, row in current.items() if row.room == room}
        for path, row in (now if shared or not earlier else earlier).items():
            target[path] = row.text or ""
    if shared and target:
        return target, (
            "Some steps of one release are undone and some stay; routines of the rooms that stay "
            "keep their texts.",
        )
    return target, ()


def _reason_down(
    routine: Routine, current: RoutineText | None, touched: Collection[str]
) -> str | None:
    if current is None:
        return "came back"
    if current.checksum != routine.checksum:
        return "previous text"
    return "after the steps" if routine.room in touched else None
