"""A whole repair: examine, carry out, examine again; what is still there was not mended."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from bursar.errors import BursarError
from bursar.ops.doctor.apply import Choices, Repair, Result
from bursar.ops.doctor.examine import Examination, examine
from bursar.ops.doctor.repair import Plan
from bursar.ops.doctor.schema import Schema
from bursar.ops.doctor.step import Step

# What was made may lack something that could not be seen before; seldom twice.
ROUNDS = 4
_LOCK = "SELECT pg_try_advisory_lock(hashtext('bursar doctor'), hashtext('repair'))"


class RepairError(BursarError):
    """The repair could not begin."""


@dataclass(frozen=True, slots=True)
class Mending:
    """What was done, and what is left."""

    results: Sequence[Result]
    left: Examination

    @property
    def done(self) -> list[Step]:
        """The steps that changed something, for the way back."""
        return [result.step for result in self.results if result.ending in ("done", "guarded")]


def mend(
    url: str,
    expected: Schema,
    schemas: Sequence[str],
    choices: Choices,
    *,
    journal: Callable[[str], object] = lambda line: None,
    on_plan: Callable[[Plan], object] = lambda plan: None,
    on_step: Callable[[Result], object] = lambda result: None,
) -> Mending:
    """Repair the database at `url`; only what `choices` allow. Nothing that holds data is dropped.

    `on_plan` is told of each round before it begins, `on_step` of each result. Raises
    `RepairError` where another repair is at work, and `psycopg.Error`.
    """
    results: dict[str, Result] = {}
    with psycopg.connect(url, autocommit=True, application_name="bursar repair") as connection:
        if connection.execute(_LOCK).fetchone() != (True,):
            raise RepairError("Another repair is at work in this database.")
        found = examine(url, expected, schemas)
        for _ in range(ROUNDS):
            fresh = [step for step in found.plan.steps if not _known(step, results)]
            if not fresh:
                break
            plan = Plan(fresh, found.plan.refusals)
            on_plan(plan)
            for result in Repair(connection, choices, journal).run(plan, on_step):
                results[_name(result.step)] = result
            found = examine(url, expected, schemas)
    _verify(results.values(), found)
    return Mending(list(results.values()), found)


def _name(step: Step) -> str:
    """Return what tells one step from another: the same finding may need another one later."""
    return step.finding.id + "\n" + "\n".join(statement.sql for statement in step.statements)


def _known(step: Step, results: Mapping[str, Result]) -> bool:
    """Whether a step was tried, or is the proof that rows stood in the way of a moment ago."""
    guarded = {r.step.finding.object for r in results.values() if r.ending == "guarded"}
    return _name(step) in results or step.finding.object in guarded


def _verify(results: Iterable[Result], left: Examination) -> None:
    """Do not believe a step that its finding is gone: look whether it is still there."""
    there = {finding.id for finding in left.findings if finding.severity != "note"}
    for result in results:
        if result.ending == "done" and result.step.finding.id in there:
            result.ending = "failed"
            result.error = "It was carried out, and the finding is still there."
