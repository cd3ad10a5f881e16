"""Repairs of keys, foreign keys and checks: added unproved, proved afterwards, never unguarded."""

import re

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.leftovers import beside
from bursar.ops.doctor.repair_indexes import is_partitioned, rebuilt
from bursar.ops.doctor.repair_rows import duplicates, empty_values, orphans, overlapping, violators
from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import (
    Blocker,
    Refusal,
    Statement,
    Step,
    guarded,
    has_constraint,
    literal,
    one,
)


def add_constraint(finding: Finding, live: Schema) -> Step | Refusal:
    """Add a constraint that is missing."""
    constraint = finding.difference.thing
    table = constraint.of or ""
    undo = [f"ALTER TABLE {table} DROP CONSTRAINT {constraint.name}"]
    blockers = blockers_of(constraint, live)
    kind = constraint.get("kind")
    if kind == "x":
        return Step(finding, "changes", one(_added(table, constraint)), undo, table, blockers)
    if kind in "pu":
        if is_partitioned(table, live) or constraint.get("deferrable"):
            return Step(finding, "adds", one(_added(table, constraint)), undo, table, blockers)
        statements = _key(table, constraint, live)
        return Step(
            finding,
            "adds",
            statements,
            undo,
            table,
            blockers,
            cleanup=[s.sql for s in statements[:1] if len(statements) > 1],
        )
    return Step(
        finding,
        "adds",
        [Statement(_added(table, constraint, " NOT VALID")), _validate(table, constraint.name)],
        undo,
        table,
        blockers,
        guards_first=True,
    )


def blockers_of(constraint: Thing, live: Schema) -> list[Blocker]:
    """Return the rows that would stand in a constraint's way."""
    table, columns = constraint.of or "", constraint.get("columns") or []
    there = {column.name for column in live.of("column", table)}
    if not there.issuperset(columns):
        return []
    match constraint.get("kind"):
        case "p":
            empty = [empty_values(table, column, live) for column in columns]
            return [*empty, duplicates(table, columns, live)]
        case "u":
            alike = "NULLS NOT DISTINCT" in constraint.get("definition")
            return [duplicates(table, columns, live, nulls_alike=alike)]
        case "f":
            parent, keys = constraint.get("references"), constraint.get("referenced_columns")
            if live.get("table", parent) is None:
                return []
            full = constraint.get("match") == "f"
            return [orphans(table, columns, parent, keys, live, full=full)]
        case "x":
            return [overlapping(constraint, live)]
        case "c":
            condition = re.sub(
                r"^CHECK \((.*)\)( NO INHERIT)?( NOT ENFORCED)?$",
                r"\1",
                constraint.get("definition"),
                flags=re.DOTALL,
            )
            return [violators(table, condition, live)]
    return []


def _added(table: str, constraint: Thing, suffix: str = "") -> str:
    return guarded(
        f"NOT {has_constraint(table, constraint.name)}",
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint.name} {constraint.get('definition')}"
        + suffix,
    )


def _validate(table: str, name: str) -> Statement:
    """Validating takes a lock that stops nobody who reads or writes."""
    return Statement(
        guarded(has_constraint(table, name), f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
        proves=True,
    )


def _key(table: str, constraint: Thing, live: Schema) -> list[Statement]:
    """Build the index beside the traffic, then make it the key."""
    definition = constraint.get("definition")
    nulls = " NULLS NOT DISTINCT" if "NULLS NOT DISTINCT" in definition else ""
    rest = definition.partition(")")[2].strip()
    include = f" {rest}" if rest.startswith("INCLUDE") else ""
    keys = f"({', '.join(constraint.get('columns'))}){include}{nulls}"
    word = "PRIMARY KEY" if constraint.get("kind") == "p" else "UNIQUE"
    same = next(
        (
            index
            for index in live.of("index", table)
            if index.get("unique")
            and index.get("valid")
            and index.get("definition") == f"CREATE UNIQUE INDEX ON {table} USING btree {keys}"
        ),
        None,
    )
    statements = []
    schema = table.rpartition(".")[0]
    index_name = same.name.rpartition(".")[2] if same else constraint.name
    if same is None:
        statements += rebuilt(schema, index_name)
        statements.append(
            Statement(
                f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {index_name} ON {table} {keys}",
                alone=True,
            )
        )
    statements.append(
        Statement(
            guarded(
                f"NOT {has_constraint(table, constraint.name)}",
                f"ALTER TABLE {table} ADD CONSTRAINT {constraint.name} {word}"
                f" USING INDEX {index_name}",
            )
        )
    )
    return statements


def change_constraint(finding: Finding, live: Schema) -> Step | Refusal:
    """Bring a constraint that is there to what is expected; it is never away meanwhile."""
    difference = finding.difference
    wanted, found = difference.expected, difference.found
    if wanted is None or found is None:
        return Refusal(finding, "There is nothing to change.")
    table = found.of or ""
    if difference.aspect == "validated":
        if not wanted.get("validated"):
            return Refusal(finding, "It is proved already, which is better than expected.")
        return Step(
            finding, "adds", [_validate(table, found.name)], [], table, blockers_of(found, live)
        )
    if difference.aspect == "off":
        return _switched_on(finding, found, live)
    if wanted.get("kind") == "f":
        elsewhere = any(wanted.get(f) != found.get(f) for f in ("references", "referenced_columns"))
        return _swapped(finding, wanted, found, table, live, risk_changes=elsewhere)
    if wanted.get("kind") == "c":
        return _swapped(finding, wanted, found, table, live, risk_changes=True)
    if difference.aspect in ("clustered", "replica_identity"):
        return Refusal(finding, "It is a choice of whoever runs the database.")
    return Refusal(finding, "Another key is made by hand, with what refers to it.")


def _swapped(
    finding: Finding,
    wanted: Thing,
    found: Thing,
    table: str,
    live: Schema,
    *,
    risk_changes: bool = False,
) -> Step:
    """Add the new constraint beside the old one, prove it, and only then let the old one go."""
    other = beside(found.name)
    as_found = (
        "EXISTS (SELECT FROM pg_catalog.pg_constraint"
        f" WHERE conrelid = {literal(table)}::regclass"
        f" AND quote_ident(conname) = {literal(found.name)}"
        " AND regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '')"
        f" = {literal(found.get('definition'))})"
    )
    swap = (
        f"ALTER TABLE {table} DROP CONSTRAINT {found.name};"
        f" ALTER TABLE {table} RENAME CONSTRAINT {other} TO {wanted.name}"
    )
    back = found.get("definition")
    return Step(
        finding,
        "changes" if risk_changes else "adds",
        [
            Statement(
                guarded(
                    f"{as_found} AND NOT {has_constraint(table, other)}",
                    f"ALTER TABLE {table} ADD CONSTRAINT {other} {wanted.get('definition')}"
                    " NOT VALID",
                )
            ),
            _validate(table, other),
            Statement(guarded(has_constraint(table, other), swap)),
        ],
        [
            f"ALTER TABLE {table} DROP CONSTRAINT {wanted.name},"
            f" ADD CONSTRAINT {found.name} {back} NOT VALID",
            *([f"ALTER TABLE {table} VALIDATE CONSTRAINT {found.name}"] * found.get("validated")),
        ],
        table,
        blockers_of(wanted, live),
        cleanup=[f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {other}"],
    )


def _switched_on(finding: Finding, found: Thing, live: Schema) -> Step | Refusal:
    """Make a foreign key anew whose triggers are off: its new ones are on, and it is not proved.

    Only a superuser may switch the old ones on, and nobody would see what came in meanwhile.
    """
    table, name = found.of or "", found.name
    if found.get("kind") != "f" or is_partitioned(table, live):
        return Refusal(finding, "ALTER TABLE … ENABLE TRIGGER ALL is sent by hand, by a superuser.")
    off = (
        "EXISTS (SELECT FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_constraint AS k"
        " ON k.oid = t.tgconstraint WHERE t.tgenabled IN ('D', 'R')"
        f" AND k.conrelid = {literal(table)}::regclass"
        f" AND quote_ident(k.conname) = {literal(name)})"
    )
    anew = (
        f"ALTER TABLE {table} DROP CONSTRAINT {name},"
        f" ADD CONSTRAINT {name} {found.get('definition')} NOT VALID"
    )
    return Step(
        finding,
        "adds",
        [Statement(guarded(off, anew)), _validate(table, name)],
        [],
        table,
        blockers_of(found, live),
        guards_first=True,
    )


def take_back(finding: Finding) -> Step:
    """Take away what an earlier repair needed for a while, and left when it was broken off."""
    left = finding.difference.thing
    gone = f"ALTER TABLE {left.of} DROP CONSTRAINT IF EXISTS {left.name}"
    return Step(finding, "adds", one(gone), [], left.of)
