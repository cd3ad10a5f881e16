"""Repairs of what tables are made of: schemas, extensions, types and sequences."""

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.schema import Thing
from bursar.ops.doctor.step import Refusal, Step, guarded, literal, one

_SEQUENCE = {
    "type": "AS",
    "start": "START WITH",
    "increment": "INCREMENT BY",
    "min": "MINVALUE",
    "max": "MAXVALUE",
    "cache": "CACHE",
}


def add_schema(finding: Finding) -> Step:
    """Make a schema that is missing."""
    name = finding.difference.thing.name
    return Step(
        finding, "adds", one(f"CREATE SCHEMA IF NOT EXISTS {name}"), [f"DROP SCHEMA {name}"]
    )


def add_extension(finding: Finding) -> Step:
    """Install an extension that is missing."""
    extension = finding.difference.thing
    sql = f"CREATE EXTENSION IF NOT EXISTS {extension.name} SCHEMA {extension.get('schema')}"
    return Step(finding, "adds", one(sql), [f"DROP EXTENSION {extension.name}"])


def add_type(finding: Finding) -> Step | Refusal:
    """Make a type that is missing."""
    thing = finding.difference.thing
    match thing.get("kind"):
        case "e":
            body = f"AS ENUM ({', '.join(map(literal, thing.get('labels')))})"
        case "c":
            body = f"AS ({', '.join(thing.get('attributes'))})"
        case "d":
            body = ""
        case _:
            return Refusal(finding, "A range type is made by hand.")
    word = "DOMAIN" if thing.get("kind") == "d" else "TYPE"
    sql = f"CREATE {word} {thing.name} {body or _domain(thing)}"
    return Step(
        finding,
        "adds",
        one(guarded(f"to_regtype({literal(thing.name)}) IS NULL", sql)),
        [f"DROP {word} {thing.name}"],
    )


def _domain(thing: Thing) -> str:
    parts = [f"AS {thing.get('base')}"]
    if thing.get("default"):
        parts.append(f"DEFAULT {thing.get('default')}")
    if thing.get("not_null"):
        parts.append("NOT NULL")
    return " ".join([*parts, *(thing.get("checks") or ())])


def add_sequence(finding: Finding) -> Step:
    """Make a sequence that is missing; it is given to its column once that is there."""
    sequence = finding.difference.thing
    options = " ".join(f"{word} {sequence.get(fact)}" for fact, word in _SEQUENCE.items())
    cycle = " CYCLE" if sequence.get("cycle") else ""
    return Step(
        finding,
        "adds",
        one(f"CREATE SEQUENCE IF NOT EXISTS {sequence.name} {options}{cycle}"),
        [f"DROP SEQUENCE {sequence.name}"],
    )


def change_sequence(finding: Finding) -> Step | Refusal:
    """Bring a sequence to what is expected; the numbers it gave out stay."""
    difference = finding.difference
    wanted, found = difference.values()
    alter = f"ALTER SEQUENCE {difference.thing.name}"
    if difference.aspect == "owned_by":
        return Step(
            finding,
            "adds",
            one(f"{alter} OWNED BY {wanted or 'NONE'}"),
            [f"{alter} OWNED BY {found or 'NONE'}"],
        )
    if difference.aspect == "cycle":
        words = ("CYCLE", "NO CYCLE") if wanted else ("NO CYCLE", "CYCLE")
        return Step(finding, "changes", one(f"{alter} {words[0]}"), [f"{alter} {words[1]}"])
    if difference.aspect == "behind":
        table, name = difference.thing.of, difference.thing.name
        column = difference.thing.get("column")
        ahead = (
            f"SELECT setval({literal(name)}, greatest(largest, last_value), true) FROM {name},"
            f" (SELECT max({column}) AS largest FROM {table}) AS numbered"
            " WHERE largest > last_value OR (largest = last_value AND NOT is_called)"
        )
        sql = f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; {ahead}"
        return Step(finding, "adds", one(sql), [], table)
    word = _SEQUENCE[difference.aspect]
    return Step(finding, "changes", one(f"{alter} {word} {wanted}"), [f"{alter} {word} {found}"])


def add_statistics(finding: Finding) -> Step:
    """Make extended statistics that are missing."""
    statistics = finding.difference.thing
    sql = str(statistics.get("definition")).replace(
        "CREATE STATISTICS", "CREATE STATISTICS IF NOT EXISTS", 1
    )
    return Step(finding, "adds", one(sql), [f"DROP STATISTICS {statistics.name}"], statistics.of)


def change_statistics(finding: Finding) -> Step | Refusal:
    """Replace extended statistics: they are no data."""
    wanted, found = finding.difference.values()
    name = finding.difference.thing.name
    sql, back = (f"DROP STATISTICS IF EXISTS {name}; {side}" for side in (wanted, found))
    return Step(finding, "changes", one(sql), [back], finding.difference.thing.of)
