"""Migration results as JSON and as tables."""

from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.offline import Part
from bursar.ops.migrate.report import Report
from bursar.ops.migrate.source import Source, Step
from bursar.ops.migrate.standing import Status

_COLOURS = {
    "applied": "green",
    "current": "green",
    "pending": "yellow",
    "contract": "yellow",
    "new": "yellow",
    "changed": "yellow",
    "edited": "red",
    "unknown": "red",
    "removed": "red",
}


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return `plan` without the SQL texts."""
    return {
        "direction": plan.direction,
        "rooms": plan.rooms,
        "steps": [step.name for step in plan.steps],
        "routines": [
            {"path": planned.routine.path, "reason": planned.reason} for planned in plan.routines
        ],
        "forgotten": plan.forgotten,
        "apart": [one.title for one in plan.apart],
        "held": [step.name for step in plan.held],
        "waiting": plan.waiting,
        "verified": [step.name for step in plan.verified],
        "problems": [asdict(problem) for problem in plan.problems],
        "notes": plan.notes,
    }


def plan_table(plan: Plan, database: str) -> Table:
    """Return `plan` for people, in the order of its work."""
    part = plan.direction
    table = titled(f"Plan: {part} on {database}", "#", "what", "why")
    rows = [(step.path(part), "undone" if part == "down" else "pending") for step in plan.steps]
    rows += [(planned.routine.path, planned.reason) for planned in plan.routines]
    gone = "went with its step" if part == "down" else "its file is gone; only forgotten here"
    rows += [(path, gone) for path in plan.forgotten]
    rows += [(step.path("verify"), "verified in the same transaction") for step in plan.verified]
    rows += [(one.path, f"{one.title}, beside the traffic") for one in plan.apart]
    for number, (what, why) in enumerate(rows, start=1):
        table.add_row(str(number), what, why)
    for step in plan.held:
        table.add_row("", step.path("up"), _why_held(step))
    for path in plan.waiting:
        table.add_row("", path, "waits for a later step of its room")
    for problem in plan.problems:
        table.add_row("!", problem.path, escape(problem.message), style="red")
    for note in plan.notes:
        table.add_row("", "note", note)
    if plan.empty and not plan.problems:
        table.add_row("", "nothing", "everything is in force")
    return table


def plan_lines(plan: Plan) -> list[str]:
    """Return the work of `plan` in words, a line for each step and one for the routines."""
    lines = [step.path(plan.direction) for step in plan.steps]
    if plan.routines:
        lines.append(f"{len(plan.routines)} routines")
    lines += [f"{path} is forgotten" for path in plan.forgotten]
    lines += [f"{one.path} {one.title}" for one in plan.apart]
    lines += [f"{problem.path}: {problem.message}" for problem in plan.problems]
    return lines or ["There is nothing to do."]


def report_sentence(report: Report) -> str:
    """Return what a run did, in a sentence."""
    steps = ", ".join(step.name for step in report.steps) or "no step"
    return f"{report.direction}: {steps}; {len(report.routines)} routines; {report.duration_ms} ms."


def report_data(report: Report) -> dict[str, Any]:
    """Return all that a run did."""
    return {**asdict(report), "changed": report.changed}


def report_table(report: Report) -> Table:
    """Return what a run did for people."""
    undone = report.direction == "down"
    table = titled(f"Done: {report.direction} in {report.duration_ms} ms", "what", "result")
    for step in report.steps:
        table.add_row(step.name, f"{'undone' if undone else 'applied'} in {step.duration_ms} ms")
    for path in report.routines:
        table.add_row(path, "applied")
    for path in report.forgotten:
        table.add_row(path, "forgotten")
    for title in report.apart:
        table.add_row("beside the traffic", title)
    for name in report.verified:
        table.add_row(name, "verified")
    if not report.changed:
        table.add_row("nothing", "there was nothing to do")
    return table


def status_data(status: Status) -> dict[str, Any]:
    """Return the whole status."""
    return {**asdict(status), "up_to_date": status.up_to_date}


def status_tables(status: Status, database: str) -> tuple[Table, ...]:
    """Return the steps, and the routines that are not current, for people."""
    steps = titled(f"Steps on {database}", "step", "standing", "applied", "by", "ms")
    for step in status.steps:
        steps.add_row(
            step.name,
            step.standing,
            (step.applied_at or "")[:19],
            step.applied_by or "",
            "" if step.duration_ms is None else str(step.duration_ms),
            style=_COLOURS.get(step.standing),
        )
    current = sum(routine.standing == "current" for routine in status.routines)
    routines = titled(f"Routines: {current} of {len(status.routines)} current", "file", "standing")
    for routine in status.routines:
        if routine.standing != "current":
            routines.add_row(routine.path, routine.standing, style=_COLOURS.get(routine.standing))
    return steps, routines


def _why_held(step: Step) -> str:
    if step.is_contract:
        return "a contract: removes what an older application needs; runs with --contract"
    return "waits for the contract before it"


def part_data(part: Part) -> dict[str, Any]:
    """Return one part of the offline SQL."""
    return asdict(part)


def titled(title: str, *columns: str) -> Table:
    """Return an empty table with these columns."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def rooms_of(text: str) -> list[str] | None:
    """Read `ledger,rewards`; `all` chooses every room, and an empty text changes nothing."""
    if text == "all":
        return list(Source.load().rooms)
    return [room.strip() for room in text.split(",")] if text else None
