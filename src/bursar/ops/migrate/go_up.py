"""Carries out the way up: pending steps, the routines that need it, and every verification.

All of it is one transaction. Only a step with `-- transaction: none` splits it: what comes before
such a step is committed first, and its statements run one by one, so they must bear repetition.
What steps have in `concurrent.sql` comes after the transaction, beside the traffic.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bursar.ops.migrate.apart import carry_out, missing
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.decide_up import decide_up
from bursar.ops.migrate.report import Report
from bursar.ops.migrate.session import Connection, Limits, connect, locked, run_alone, run_file
from bursar.ops.migrate.source import Source, Step
from bursar.ops.migrate.state import (
    State,
    forget_routine,
    read_state,
    remember_routine,
    remember_step,
    start_release,
)
from bursar.ops.migrate.statements import split

# Called under the lock with the plan, before anything is changed; it raises to refuse the run.
BeforeChange = Callable[[Plan], None]


def go_up(
    url: str,
    source: Source,
    report: Report,
    *,
    to: int | None,
    rooms: Sequence[str] | None,
    contract: bool,
    limits: Limits,
    before_change: BeforeChange | None,
) -> None:
    """Apply what is pending up to step `to` and add it to `report`, transaction by transaction."""
    with connect(url) as connection:
        asked = False
        while True:
            done = Report("up")
            with locked(connection, limits):
                state = read_state(connection)
                plan = plan_up(connection, source, state, to=to, rooms=rooms, contract=contract)
                plan.refuse_problems()
                if before_change is not None and not plan.empty and not asked:
                    before_change(plan)
                    asked = True
                alone = next((step for step in plan.steps if not step.transactional), None)
                if plan.in_transaction or plan.chosen_rooms != state.chosen_rooms:
                    _in_transaction(connection, plan, alone, state, done, limits)
            report.add(done)
            if alone is None:
                break
            with locked(connection, limits):
                _outside(connection, url, source, alone, plan, limits, report)
        if plan.apart:
            with locked(connection, limits), connect(url) as beside:
                report.apart += carry_out(beside, plan.apart, limits)


def plan_up(
    connection: Connection,
    source: Source,
    state: State,
    *,
    to: int | None,
    rooms: Sequence[str] | None,
    contract: bool,
) -> Plan:
    """Decide the way up from the files and the memory, and from the catalogue what runs apart."""
    plan = decide_up(source, state, to=to, rooms=rooms, contract=contract)
    names = {one.name for one in state.steps} | {step.name for step in plan.steps}
    wanted = [step for step in source.steps if step.name in names]
    return replace(plan, apart=missing(connection, wanted))


def apply_routines(
    connection: Connection,
    plan: Plan,
    state: State,
    release: int,
    done: Report,
    limits: Limits,
) -> None:
    """Run the routines of a plan, up or down, and remember the texts that are new."""
    current = state.routines()
    for planned in plan.routines:
        routine = planned.routine
        run_file(connection, routine.path, routine.text, limits)
        known = current.get(routine.path)
        if known is None or known.checksum != routine.checksum:
            remember_routine(connection, routine, release)
        done.routines.append(routine.path)


def _in_transaction(
    connection: Connection,
    plan: Plan,
    alone: Step | None,
    state: State,
    done: Report,
    limits: Limits,
) -> None:
    """Apply the steps before `alone`; with no such step also the routines, and verify."""
    steps = plan.steps if alone is None else plan.steps[: plan.steps.index(alone)]
    if alone is not None and not steps:
        return
    release = start_release(connection, limits, "up", plan.chosen_rooms)
    for step in steps:
        duration_ms = run_file(connection, step.path("up"), step.up, limits)
        remember_step(connection, step, release, duration_ms)
        done.add_step(step, duration_ms)
    if alone is not None:
        return
    apply_routines(connection, plan, state, release, done, limits)
    for path in plan.forgotten:
        forget_routine(connection, path, release)
        done.forgotten.append(path)
    for step in plan.verified:
        run_file(connection, step.path("verify"), step.verify, limits)
    done.add_verified(plan.verified)


def _outside(
    guard: Connection,
    url: str,
    source: Source,
    step: Step,
    plan: Plan,
    limits: Limits,
    report: Report,
) -> None:
    """Run a step's statements on a second connection while `guard` keeps the lock and the memory.

    The guard holds no snapshot meanwhile, so a concurrent index build does not wait for it.
    """
    state = read_state(guard)
    decide_up(source, state).refuse_problems()
    if step.number in {applied.number for applied in state.steps}:
        return
    duration_ms = 0
    with connect(url) as connection:
        for statement in split(step.up):
            duration_ms += run_alone(connection, step.path("up"), statement, limits)
    release = start_release(guard, limits, "up", plan.chosen_rooms)
    remember_step(guard, step, release, duration_ms)
    report.add_step(step, duration_ms)
