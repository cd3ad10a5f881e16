"""What a run did, as data; the command line renders it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bursar.ops.migrate.source import Step


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step that was applied or undone, and the milliseconds that its SQL took."""

    number: int
    name: str
    duration_ms: int


@dataclass(slots=True)
class Report:
    """What a run did. Everything empty means that there was nothing to do.

    Names are added only when the transaction that did the work was committed.
    """

    direction: Literal["up", "down"]
    steps: list[StepRun] = field(default_factory=list)
    routines: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    duration_ms: int = 0

    @property
    def changed(self) -> bool:
        """Whether the run changed anything."""
        return bool(self.steps or self.routines or self.forgotten or self.apart)

    def add(self, other: "Report") -> None:
        """Add what a committed transaction did."""
        self.steps += other.steps
        self.routines += other.routines
        self.forgotten += other.forgotten
        self.apart += other.apart
        self.verified += other.verified

    def add_step(self, step: Step, duration_ms: int) -> None:
        """Add a step that ran for `duration_ms`."""
        self.steps.append(StepRun(step.number, step.name, duration_ms))

    def add_verified(self, steps: Sequence[Step]) -> None:
        """Add steps whose `verify.sql` held."""
        self.verified += [step.name for step in steps]
