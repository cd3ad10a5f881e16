"""Repairs of enums and domains: labels and checks are added, and nothing is taken away."""

import hashlib
import re

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.repair_rows import outside
from bursar.ops.doctor.schema import Schema
from bursar.ops.doctor.step import Blocker, Refusal, Statement, Step, guarded, literal, one


def change_type(finding: Finding, live: Schema) -> Step | Refusal:
    """Add an enum's labels and a domain's checks; nothing is taken away."""
    difference = finding.difference
    wanted, found = difference.values()
    name = difference.thing.name
    if difference.aspect == "labels" and wanted and found:
        lacking = [label for label in wanted if label not in found]
        if [label for label in wanted if label in found] != found or not lacking:
            return Refusal(finding, "Labels cannot be taken away, nor put in another order.")
        return Step(finding, "adds", [_label(name, wanted, label) for label in lacking], [])
    if difference.aspect == "checks":
        lacking = [check for check in wanted or () if check not in (found or ())]
        if not lacking:
            return Refusal(finding, "What is not expected is never dropped.")
        return _check(finding, lacking, live)
    if difference.aspect == "unproved":
        return _check(finding, found, live)
    if difference.aspect == "default":
        return Step(
            finding,
            "changes",
            one(f"ALTER DOMAIN {name} " + (f"SET DEFAULT {wanted}" if wanted else "DROP DEFAULT")),
            [f"ALTER DOMAIN {name} " + (f"SET DEFAULT {found}" if found else "DROP DEFAULT")],
        )
    if difference.aspect == "not_null" and difference.thing.get("kind") == "d":
        words = ("SET", "DROP") if wanted else ("DROP", "SET")
        return Step(
            finding,
            "changes",
            one(f"ALTER DOMAIN {name} {words[0]} NOT NULL"),
            [f"ALTER DOMAIN {name} {words[1]} NOT NULL"],
        )
    return Refusal(finding, "It cannot be changed while columns are of it.")


def _check(finding: Finding, checks: list[str], live: Schema) -> Step | Refusal:
    """Add checks to a domain, under the names that are expected, and prove them.

    From then on every new value is checked. Those that are there cannot be proved where arrays,
    rows or ranges are made of the domain: PostgreSQL does not look into them.
    """
    thing, found = finding.difference.thing, finding.difference.found
    made_of_it = _made_of(thing.name, live)
    unproved = finding.difference.aspect == "unproved"
    if unproved and made_of_it:
        why = f"It holds for new values. {made_of_it} is made of it, so it cannot be proved."
        return Refusal(finding, why)
    theirs = (found.get("check_names") if found else None) or {}
    names = [_name_of(check, thing.get("check_names") or {}, theirs) for check in checks]
    statements, undo = [], []
    for check, known in zip(checks, names, strict=True):
        there = (
            "EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contypid ="
            f" {literal(thing.name)}::regtype AND quote_ident(conname) = {literal(known)})"
        )
        alter = f"ALTER DOMAIN {thing.name}"
        add = f"{alter} ADD CONSTRAINT {known} {check} NOT VALID"
        statements.append(Statement(guarded(f"NOT {there}", add)))
        if not made_of_it:
            prove = f"{alter} VALIDATE CONSTRAINT {known}"
            statements.append(Statement(guarded(there, prove), proves=True))
        if not unproved:
            undo.append(f"{alter} DROP CONSTRAINT IF EXISTS {known}")
    return Step(
        finding,
        "changes",
        statements,
        undo,
        blockers=_outside(thing.name, checks, live),
        guards_first=True,
    )


def _name_of(check: str, wanted: dict[str, str], found: dict[str, str]) -> str:
    """Return what a check is called: as there, as expected, or where that is taken, otherwise."""
    known = found.get(check) or wanted.get(check)
    if known is None or (check not in found and known in found.values()):
        return f"doctor_{hashlib.sha256(check.encode()).hexdigest()[:12]}"
    return known


def _made_of(domain: str, live: Schema) -> str:
    """Say what is made of a domain that holds more than one value of it; "" where nothing is."""
    for column in live.all("column"):
        if column.get("type") == f"{domain}[]":
            return f"Column {column.of}.{column.name}"
    for other in live.all("type"):
        inner = [other.get("base"), other.get("subtype"), *(other.get("attributes") or ())]
        if any(part and part.endswith((domain, f"{domain}[]")) for part in inner):
            return f"Type {other.name}"
    return ""


def _outside(domain: str, checks: list[str], live: Schema) -> list[Blocker]:
    conditions = [re.sub(r"^CHECK \((.*)\)$", r"\1", check, flags=re.DOTALL) for check in checks]
    columns = [
        column
        for column in live.all("column")
        if column.get("type") in (domain, f"{domain}[]") and not column.get("inherited")
    ]
    found = live.get("type", domain)
    base = found.get("base") if found else None
    return [
        outside(column, str(base), condition, live)
        for column in columns
        for condition in conditions
    ]


def _label(name: str, wanted: list[str], label: str) -> Statement:
    place = wanted.index(label)
    where = (
        f" AFTER {literal(wanted[place - 1])}"
        if place
        else (f" BEFORE {literal(wanted[1])}" if len(wanted) > 1 else "")
    )
    return Statement(
        f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal(label)}{where}", alone=True
    )
