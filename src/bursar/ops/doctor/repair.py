"""Chooses a repair for each finding, or says why there is none, and puts them in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bursar.ops.doctor import (
    repair_code,
    repair_columns,
    repair_constraints,
    repair_domains,
    repair_functions,
    repair_indexes,
    repair_tables,
    repair_types,
)
from bursar.ops.doctor.compare import Difference
from bursar.ops.doctor.finding import Finding, explain, must_be_filled
from bursar.ops.doctor.owner import handed_over, usual_owner
from bursar.ops.doctor.repair_parts import parts_of
from bursar.ops.doctor.schema import KINDS, Schema, Thing
from bursar.ops.doctor.step import Refusal, Step
from bursar.ops.doctor.taken import taken_by
from bursar.ops.doctor.wording import without_casts

_NEVER_DROPPED = "What is not expected is never dropped; decide yourself."
_NAMES = "A name changes nothing; rename it by hand if you like."


_MADE_TOGETHER = ("type", "sequence", "function", "table")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, in order, and what would not."""

    steps: Sequence[Step]
    refusals: Sequence[Refusal]


def plan_repair(findings: Sequence[Finding], expected: Schema, live: Schema) -> Plan:
    """Choose a repair for each finding. Nothing is changed."""
    chosen = [_choose(finding, expected, live) for finding in findings]
    chosen = [_doubted(choice, findings, expected, live) for choice in chosen]
    types = [c for c in chosen if isinstance(c, Refusal) and c.finding.code == "column_type"]
    if types:
        chosen = [_told_by_type(choice) for choice in chosen]
    steps = [choice for choice in chosen if isinstance(choice, Step)]
    owner = usual_owner(live)
    made = [step for step in steps if step.finding.difference.aspect == "missing"]
    for step in made:
        for difference in parts_of(step.finding.difference, expected):
            # It is as expected once it is made, so its parts find what is expected beside them.
            part = _choose(explain(difference), expected, expected)
            if isinstance(part, Step):
                steps.append(replace(part, risk="adds", blockers=()))
    steps = [
        handed_over(step, owner, live.role) if step.finding.difference.aspect == "missing" else step
        for step in steps
    ]
    return Plan(
        _once(sorted(steps, key=_order)),
        [choice for choice in chosen if isinstance(choice, Refusal)],
    )


def _told_by_type(choice: Step | Refusal) -> Step | Refusal:
    """Leave alone what differs in its casts only, where the type of a column is left alone."""
    wanted, found = choice.finding.difference.values()
    if isinstance(choice, Refusal) or not (isinstance(wanted, str) and isinstance(found, str)):
        return choice
    if without_casts(wanted) != without_casts(found):
        return choice
    return Refusal(choice.finding, "It follows from the type of a column that is left alone.")


def _doubted(
    choice: Step | Refusal, findings: Sequence[Finding], expected: Schema, live: Schema
) -> Step | Refusal:
    """Ask before something is made that may be there under a name that is not expected.

    A column that each row must have a value for is left alone then: its values are elsewhere.
    """
    difference = choice.finding.difference
    thing, other = difference.thing, _double(difference, findings, expected, live)
    if other is None or isinstance(choice, Refusal):
        return choice
    if thing.kind == "column" and must_be_filled(thing) and must_be_filled(other):
        there = other if difference.aspect == "missing" else thing
        why = f"Perhaps it was renamed: column {there.name} is there and not expected."
        return Refusal(choice.finding, why)
    return replace(choice, risk="changes")


def _double(
    difference: Difference, findings: Sequence[Finding], expected: Schema, live: Schema
) -> Thing | None:
    """Return what looks the same on the other side, under another name."""
    sides = {"missing": ("extra", expected, live), "extra": ("missing", live, expected)}
    if difference.aspect not in sides or difference.kind not in ("table", "column"):
        return None
    aspect, own, others = sides[difference.aspect]
    thing = difference.thing
    for finding in findings:
        other = finding.difference
        if (other.aspect, other.kind, other.thing.of) != (aspect, thing.kind, thing.of):
            continue
        if _looks(thing, own) == _looks(other.thing, others):
            return other.thing
    return None


def _looks(thing: Thing, schema: Schema) -> list[str]:
    if thing.kind == "column":
        return [str(thing.get("type"))]
    columns = schema.of("column", thing.name)
    return sorted(f"{column.name} {column.get('type')}" for column in columns)


def _once(steps: Sequence[Step]) -> list[Step]:
    """Leave out steps that say what an earlier one does: one definition mends many findings."""
    said: dict[tuple[str, ...], Step] = {}
    for step in steps:
        said.setdefault(tuple(statement.sql for statement in step.statements), step)
    return list(said.values())


def _order(step: Step) -> tuple[int, int]:
    """What others stand on comes first; so does a trigger that would refuse the rest.

    Types, sequences, functions and tables stand on each other in any order: they are made in the
    order in which they were made where the expectation was built.
    """
    difference = step.finding.difference
    if difference.aspect == "missing" and difference.kind in _MADE_TOGETHER:
        return KINDS.index("table") * 10, difference.thing.get("made") or 0
    return _place(difference), 0


def _place(difference: Difference) -> int:
    if difference.kind == "trigger" and difference.aspect != "missing":
        return KINDS.index("function") * 10 + 5
    if difference.kind == "sequence" and difference.aspect != "missing":
        return KINDS.index("column") * 10 + 5
    if difference.kind == "table" and difference.aspect.startswith("row_security"):
        return KINDS.index("policy") * 10 + 5
    if difference.kind == "constraint" and difference.thing.get("kind") == "f":
        return KINDS.index("constraint") * 10 + 5
    if difference.kind == "index" and difference.thing.get("on_view"):
        return KINDS.index("view") * 10 + 5
    return KINDS.index(difference.kind) * 10


def _choose(finding: Finding, expected: Schema, live: Schema) -> Step | Refusal:
    difference = finding.difference
    if difference.aspect == "name":
        return Refusal(finding, _NAMES)
    if difference.aspect == "owner":
        return Refusal(finding, "Who owns what is a choice of whoever runs the database.")
    if difference.aspect == "extra":
        if difference.kind == "column":
            return repair_columns.add_extra_column_default(finding)
        if difference.kind == "index":
            return repair_indexes.drop_ruin(finding)
        if difference.kind == "grant":
            return repair_code.change_grant(finding)
        if difference.kind == "default_grant":
            return repair_code.change_default_grant(finding)
        return Refusal(finding, _NEVER_DROPPED)
    if difference.aspect == "overload":
        return Refusal(finding, _NEVER_DROPPED)
    if difference.aspect == "leftover":
        return repair_constraints.take_back(finding)
    if difference.aspect == "missing" and (other := taken_by(difference.thing, live)):
        return Refusal(finding, f"Its name belongs to {other}; that has to be renamed first.")
    make = _MISSING if difference.aspect == "missing" else _CHANGED
    choose = make.get(difference.kind)
    if choose is None:
        return Refusal(finding, "It is a choice of whoever runs the database.")
    return choose(finding, expected, live)


_Chooser = Callable[[Finding, Schema, Schema], Step | Refusal]

_MISSING: dict[str, _Chooser] = {
    "schema": lambda finding, _, __: repair_types.add_schema(finding),
    "extension": lambda finding, _, __: repair_types.add_extension(finding),
    "type": lambda finding, _, __: repair_types.add_type(finding),
    "sequence": lambda finding, _, __: repair_types.add_sequence(finding),
    "function": lambda finding, _, __: repair_functions.add_function(finding),
    "table": repair_tables.add_table,
    "column": lambda finding, _, live: repair_columns.add_column(finding, live),
    "constraint": lambda finding, _, live: repair_constraints.add_constraint(finding, live),
    "index": lambda finding, _, live: repair_indexes.add_index(finding, live),
    "statistics": lambda finding, _, __: repair_types.add_statistics(finding),
    "view": lambda finding, _, __: repair_code.add_view(finding),
    "trigger": lambda finding, _, __: repair_code.add_trigger(finding),
    "rule": lambda finding, _, __: repair_code.add_rule(finding),
    "policy": lambda finding, _, __: repair_code.add_policy(finding),
    "grant": lambda finding, _, __: repair_code.change_grant(finding),
    "default_grant": lambda finding, _, __: repair_code.change_default_grant(finding),
}
_CHANGED: dict[str, _Chooser] = {
    "type": lambda finding, _, live: repair_domains.change_type(finding, live),
    "sequence": lambda finding, _, __: repair_types.change_sequence(finding),
    "function": lambda finding, _, live: repair_functions.change_function(finding, live),
    "table": lambda finding, _, __: repair_tables.change_table(finding),
    "column": lambda finding, _, live: repair_columns.change_column(finding, live),
    "constraint": lambda finding, _, live: repair_constraints.change_constraint(finding, live),
    "index": lambda finding, _, live: repair_indexes.change_index(finding, live),
    "view": lambda finding, _, __: repair_code.change_view(finding),
    "trigger": lambda finding, _, __: repair_code.change_trigger(finding),
    "rule": lambda finding, _, __: repair_code.change_rule(finding),
    "statistics": lambda finding, _, __: repair_types.change_statistics(finding),
    "policy": lambda finding, _, __: repair_code.change_policy(finding),
    "grant": lambda finding, _, __: repair_code.change_grant(finding),
    "default_grant": lambda finding, _, __: repair_code.change_default_grant(finding),
}
