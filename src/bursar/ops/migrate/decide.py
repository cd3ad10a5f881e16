"""What a run would do, as data, and what stands in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.ops.migrate.apart import Apart
from bursar.ops.migrate.errors import MigrationError, SourceDiffers
from bursar.ops.migrate.source import Routine, Source, Step
from bursar.ops.migrate.state import State


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run is refused: a file, and what is wrong with it."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class PlannedRoutine:
    """A routine that will be applied, and why."""

    routine: Routine
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run would do, in order: steps, routines, what is forgotten, what is verified.

    `apart` is done after the transaction, beside the traffic. `held` steps are contracts, which
    wait to be asked for, and what comes after them in their rooms. `waiting` routines are left
    alone because a later step of their room is not wanted yet.
    `chosen_rooms` is what later runs will keep to; `None` means every room there is.
    """

    direction: Literal["up", "down"]
    rooms: tuple[str, ...]
    chosen_rooms: tuple[str, ...] | None
    steps: tuple[Step, ...] = ()
    routines: tuple[PlannedRoutine, ...] = ()
    forgotten: tuple[str, ...] = ()
    apart: tuple[Apart, ...] = ()
    held: tuple[Step, ...] = ()
    waiting: tuple[str, ...] = ()
    verified: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.in_transaction or self.apart)

    @property
    def in_transaction(self) -> bool:
        """Whether there is anything to do in a transaction."""
        return bool(self.steps or self.routines or self.forgotten)

    def refuse_more(self, now: "Plan") -> None:
        """Raise `MigrationError` when `now` would do something that this plan does not show."""
        more = now._work() - self._work()
        if more:
            raise MigrationError(
                f"The plan changed meanwhile ({', '.join(sorted(more))}); look at it again."
            )

    def _work(self) -> set[str]:
        steps = {step.path(self.direction) for step in self.steps}
        routines = {item.routine.path for item in self.routines}
        return steps | routines | set(self.forgotten) | {one.target for one in self.apart}

    def refuse_problems(self) -> None:
        """Raise `SourceDiffers` that names every problem, if there is one."""
        if self.problems:
            raise SourceDiffers(
                "\n".join(f"{problem.path}: {problem.message}" for problem in self.problems)
            )


def find_problems(source: Source, state: State) -> tuple[Problem, ...]:
    """Name every step in force whose file is missing or is no longer what was applied."""
    problems = []
    for applied in state.steps:
        step = source.step(applied.number)
        path = up_path(applied.name)
        if step is None or step.name != applied.name:
            problems.append(
                Problem(path, "is in force, but is not here; use the release that has it.")
            )
        elif step.checksum != applied.checksum:
            problems.append(
                Problem(
                    path,
                    f"was edited after it was applied (sha256 {applied.checksum[:12]}… then, "
                    f"{step.checksum[:12]}… now). Restore the text and write a new step instead.",
                )
            )
    return tuple(problems)


def spread(
    routines: Sequence[Routine], reasons: dict[str, str | None]
) -> tuple[PlannedRoutine, ...]:
    """Keep the routines that have a reason, and those that require one that is kept."""
    planned: dict[str, PlannedRoutine] = {}
    for routine in routines:
        reason = reasons[routine.path]
        if reason is None:
            required = next((path for path in routine.requires if path in planned), None)
            reason = f"requires {required}" if required else None
        if reason is not None:
            planned[routine.path] = PlannedRoutine(routine, reason)
    return tuple(planned.values())


def up_path(name: str) -> str:
    """Return the path of the file that made the step called `name`."""
    return f"migrations/{name}/up.sql"
