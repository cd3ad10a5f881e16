"""Carries out the way down: steps undone last first, and routines back to their previous texts.

All of it is one transaction. What a step's routines created is dropped by the step's own
`down.sql`; the runner drops nothing by itself, because it cannot know what a file created.
"""

from bursar.ops.migrate.decide_down import decide_down
from bursar.ops.migrate.go_up import BeforeChange, apply_routines
from bursar.ops.migrate.report import Report
from bursar.ops.migrate.session import Limits, connect, locked, run_file
from bursar.ops.migrate.source import Source
from bursar.ops.migrate.state import (
    forget_routine,
    forget_step,
    read_state,
    start_release,
)


def go_down(
    url: str,
    source: Source,
    report: Report,
    *,
    to: int | None,
    limits: Limits,
    before_change: BeforeChange | None,
) -> None:
    """Undo the steps after number `to`, by default one step, and add it all to `report`."""
    done = Report("down")
    with connect(url) as connection, locked(connection, limits):
        state = read_state(connection)
        plan = decide_down(source, state, to=to)
        plan.refuse_problems()
        if plan.empty:
            return
        if before_change is not None:
            before_change(plan)
        release = start_release(connection, limits, "down", plan.chosen_rooms)
        for step in plan.steps:
            duration_ms = run_file(connection, step.path("down"), step.down, limits)
            forget_step(connection, step.number)
            done.add_step(step, duration_ms)
        for path in plan.forgotten:
            forget_routine(connection, path, release)
            done.forgotten.append(path)
        apply_routines(connection, plan, state, release, done, limits)
        for step in plan.verified:
            run_file(connection, step.path("verify"), step.verify, limits)
        done.add_verified(plan.verified)
    report.add(done)
