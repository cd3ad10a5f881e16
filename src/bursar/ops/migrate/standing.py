"""Where every step and routine stands, as data; the command line renders it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from bursar.ops.migrate.decide import find_problems, up_path
from bursar.ops.migrate.decide_up import decide_up
from bursar.ops.migrate.source import LEDGER, Source
from bursar.ops.migrate.state import State

StepStanding = Literal["applied", "pending", "contract", "left out", "edited", "unknown"]
RoutineStanding = Literal["current", "new", "changed", "removed", "left out"]


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step; the last four fields are those of its run, where there was one."""

    number: int
    name: str
    room: str
    standing: StepStanding
    release: int | None = None
    applied_at: str | None = None
    applied_by: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RoutineStatus:
    """One routine file: its text is the one in force, or how it differs."""

    path: str
    standing: RoutineStanding


@dataclass(frozen=True, slots=True)
class Status:
    """The whole state of the schema as the runner remembers it."""

    rooms: tuple[str, ...]
    steps: tuple[StepStatus, ...]
    routines: tuple[RoutineStatus, ...]

    @property
    def up_to_date(self) -> bool:
        """Whether everything chosen is in force with the text of its file.

        A contract may wait for as long as an older application runs.
        """
        return all(
            step.standing in {"applied", "contract", "left out"} for step in self.steps
        ) and all(routine.standing in {"current", "left out"} for routine in self.routines)


def stand(source: Source, state: State) -> Status:
    """Compare the files with the memory."""
    plan = decide_up(source, state)
    contracts = {step.name for step in plan.held if step.is_contract}
    return Status(
        plan.rooms,
        _steps(source, state, plan.rooms, contracts),
        _routines(source, state, plan.rooms),
    )


def _steps(
    source: Source, state: State, rooms: tuple[str, ...], contracts: Collection[str]
) -> tuple[StepStatus, ...]:
    troubled = {problem.path for problem in find_problems(source, state)}
    steps = []
    for applied in state.steps:
        standing: StepStanding = "applied"
        if up_path(applied.name) in troubled:
            file = source.step(applied.number)
            standing = "edited" if file and file.name == applied.name else "unknown"
        steps.append(
            StepStatus(
                applied.number,
                applied.name,
                applied.room,
                standing,
                applied.release,
                applied.applied_at,
                applied.applied_by,
                applied.duration_ms,
            )
        )
    known = {applied.name for applied in state.steps}
    for step in source.steps:
        if step.name not in known:
            waits: StepStanding = "contract" if step.name in contracts else "pending"
            standing = "left out" if step.room not in rooms else waits
            steps.append(StepStatus(step.number, step.name, step.room, standing))
    return tuple(sorted(steps, key=lambda step: (step.number, step.name)))


def _routines(source: Source, state: State, rooms: tuple[str, ...]) -> tuple[RoutineStatus, ...]:
    current = state.routines()
    routines = []
    for routine in source.routines:
        known = current.pop(routine.path, None)
        standing: RoutineStanding = "current"
        if routine.room not in {LEDGER, *rooms}:
            standing = "left out"
        elif known is None:
            standing = "new"
        elif known.checksum != routine.checksum:
            standing = "changed"
        routines.append(RoutineStatus(routine.path, standing))
    routines += [RoutineStatus(path, "removed") for path in sorted(current)]
    return tuple(routines)
