"""Checks an installed schema: the files against the memory, and every `verify.sql` once more.

And what stands in the catalogue, one by one: what steps have apart from them, and the inventory.
"""

import time
from dataclasses import dataclass

from bursar.ops.migrate.apart import apart_of, complaint_of
from bursar.ops.migrate.decide import find_problems, up_path
from bursar.ops.migrate.errors import SqlFailed
from bursar.ops.migrate.inventory import Fact, take_inventory
from bursar.ops.migrate.session import Connection, Limits, connect, locked, retrying, run_file
from bursar.ops.migrate.source import Source, Step
from bursar.ops.migrate.standing import stand
from bursar.ops.migrate.state import State, read_state

_WRONG = {
    "new": "is not applied.",
    "changed": "is in force with another text.",
    "removed": "is in force, but there is no such file.",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `message` says what is wrong, and is empty when nothing is."""

    name: str
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Verification:
    """Every check that was made, in order, and everything that was looked at in the catalogue."""

    checks: tuple[Check, ...]
    inventory: tuple[Fact, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every check holds, and nothing in the catalogue is wrong."""
        return all(check.holds for check in self.checks) and not any(
            fact.complaint for fact in self.inventory
        )


def check_all(url: str, source: Source, limits: Limits) -> Verification:
    """Make every check in one transaction that leaves nothing behind.

    A check that fails does not keep the others from being made. Raises `Busy` or `NotReached` when
    they cannot be made at all.
    """

    def run() -> Verification:
        with connect(url) as connection, locked(connection, limits):
            state = read_state(connection)
            in_force = {step.name for step in state.steps}
            checks = _against_files(source, state)
            known = state.routines()
            installed = Source(
                tuple(step for step in source.steps if step.name in in_force),
                tuple(routine for routine in source.routines if routine.path in known),
            )
            for step in installed.steps:
                checks += [Check(one.path, complaint_of(connection, one)) for one in apart_of(step)]
                checks.append(_run_verify(connection, step, limits))
            inventory = take_inventory(connection, installed) if in_force else ()
            return Verification(tuple(checks), inventory)

    return retrying(limits, run, time.sleep)


def _against_files(source: Source, state: State) -> list[Check]:
    """Check that everything chosen is in force with the text of its file."""
    standing = stand(source, state)
    problems = {problem.path: problem.message for problem in find_problems(source, state)}
    checks = []
    for step in standing.steps:
        path = up_path(step.name)
        if step.standing == "pending":
            checks.append(Check(path, "is not applied."))
        elif step.standing not in {"contract", "left out"}:
            checks.append(Check(path, problems.get(path, "")))
    for routine in standing.routines:
        if routine.standing != "left out":
            checks.append(Check(routine.path, _WRONG.get(routine.standing, "")))
    return checks


def _run_verify(connection: Connection, step: Step, limits: Limits) -> Check:
    path = step.path("verify")
    try:
        with connection.transaction(force_rollback=True):
            run_file(connection, path, step.verify, limits)
    except SqlFailed as failure:
        return Check(path, str(failure))
    return Check(path)
