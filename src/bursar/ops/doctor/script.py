"""A repair as plain SQL that people read before they run it, and the way back."""

from collections.abc import Sequence

from bursar.ops.doctor.repair import Plan
from bursar.ops.doctor.step import Step

_HEAD = """\
-- Repairs what the live schema lacks of the expected one. Run it with psql, or paste it statement
-- by statement; it belongs in no transaction, since indexes are built beside the traffic. It may be
-- run again: what is there already is left as it is. Nothing is dropped that holds data.
SET search_path = '';
SET check_function_bodies = off;
SET lock_timeout = '2s';
"""
_UNDO = """\
-- Takes back what the repair did, the last first. It does not bring back values that were written
-- meanwhile.
SET search_path = '';
SET check_function_bodies = off;
SET lock_timeout = '2s';
"""


def write_repair(plan: Plan, *, changes: bool = False) -> str:
    """Return the repair as SQL. Without `changes`, steps that replace something are comments."""
    parts = [_HEAD]
    for step in plan.steps:
        parts.append(_step(step, asleep=step.risk == "changes" and not changes))
    tables = sorted({step.table for step in plan.steps if step.table})
    parts.append("".join(f"ANALYZE {table};\n" for table in tables))
    if plan.refusals:
        parts.append("-- Left alone:\n" + "".join(map(_line, _left(plan))))
    return "\n".join(part for part in parts if part)


def write_undo(steps: Sequence[Step]) -> str:
    """Return the way back as SQL."""
    undone = [undo for step in reversed(steps) for undo in step.undo]
    return _UNDO + "\n" + "".join(map(_sent, undone))


def _sent(sql: str) -> str:
    """Return SQL as psql sends it: what belongs together in one transaction."""
    together = ";" in sql and not sql.startswith("DO ") and " CONCURRENTLY " not in sql
    return f"BEGIN;\n{sql};\nCOMMIT;\n" if together else f"{sql};\n"


def _step(step: Step, *, asleep: bool) -> str:
    told = [step.finding.sentence]
    for blocker in step.blockers:
        told += [f"{blocker.sentence} Look: {blocker.rows}", blocker.proposal]
    if asleep:
        told.append("It replaces what is there: take the marks away to run it.")
    sql = "".join(map(_sent, (statement.sql for statement in step.statements)))
    if asleep:
        sql = "".join(map(_line, sql.splitlines()))
    return "".join(map(_line, told)) + sql


def _left(plan: Plan) -> Sequence[str]:
    return [f"{refusal.finding.sentence} {refusal.why}" for refusal in plan.refusals]


def _line(text: str) -> str:
    return "".join(f"-- {line}\n" for line in text.splitlines())
