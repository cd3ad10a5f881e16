"""Repairs of columns: nothing is dropped, and rows are filled in a few at a time."""

import re

from bursar.ops.doctor.filling import filled, not_null_where_possible
from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.leftovers import proof_of
from bursar.ops.doctor.repair_rows import empty_values, without_value
from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import (
    Refusal,
    Statement,
    Step,
    guarded,
    literal,
    one,
)

# A default that is worth the same for all rows costs nothing to add. Others fill each row.
_CONSTANT = re.compile(r"^(now\(\)|CURRENT_\w+|LOCALTIME\w*|[^()]*)$")
_WIDER = {
    ("smallint", "integer"),
    ("smallint", "bigint"),
    ("integer", "bigint"),
    ("real", "double precision"),
    ("date", "timestamp without time zone"),
}

_BY_HAND = {
    "generated": "The column has to be made anew for that, which would lose its values.",
    "collation": "ALTER COLUMN … TYPE … COLLATE builds all its indexes anew; send it by hand.",
    "identity": "Numbers are given out that the code does not expect; DROP IDENTITY by hand.",
    "storage": "SET STORAGE is sent by hand: which way is usual depends on the type.",
}
# Word of ALTER COLUMN, and what is usual; "" where that depends on the type.
_SETTINGS = {
    "storage": ("STORAGE", ""),
    "compression": ("COMPRESSION", "default"),
    "statistics_target": ("STATISTICS", "-1"),
}


def definition_of(column: Thing) -> str:
    """Return a column as CREATE TABLE has it."""
    parts = [column.name, column.get("type")]
    if column.get("collation"):
        parts.append(f"COLLATE {column.get('collation')}")
    if column.get("generated"):
        parts.append(_generated(column))
    if column.get("identity"):
        parts.append(f"GENERATED {_identity(column)} AS IDENTITY")
    if column.get("default"):
        parts.append(f"DEFAULT {column.get('default')}")
    if column.get("not_null"):
        parts.append("NOT NULL")
    return " ".join(parts)


def _generated(column: Thing) -> str:
    expression, _, how = column.get("generated").rpartition(" ")
    return f"GENERATED ALWAYS AS ({expression}) {how}"


def _identity(column: Thing) -> str:
    return "ALWAYS" if column.get("identity") == "a" else "BY DEFAULT"


def add_column(finding: Finding, live: Schema) -> Step | Refusal:
    """Add a column that is missing; what each row needs a value of its own for is filled in."""
    column = finding.difference.thing
    table = column.of or ""
    add = f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS"
    undo = [f"ALTER TABLE {table} DROP COLUMN {column.name}"]
    if column.get("inherited"):
        return Refusal(finding, "It comes with the table that this one inherits from.")
    if column.get("generated"):
        return Step(finding, "changes", one(f"{add} {definition_of(column)}"), undo, table)
    default = column.get("default")
    bare = f"{add} {column.name} {column.get('type')}"
    if column.get("collation"):
        bare += f" COLLATE {column.get('collation')}"
    if column.get("identity"):
        numbered = _numbered(table, column, bare, live)
        left = [_unproved(table, column.name)]
        return Step(finding, "adds", numbered, undo, table, cleanup=left)
    if default and _CONSTANT.match(default):
        return Step(finding, "adds", one(f"{add} {definition_of(column)}"), undo, table)
    statements = [Statement(bare)]
    if default:
        statements += [
            Statement(f"ALTER TABLE {table} ALTER COLUMN {column.name} SET DEFAULT {default}"),
            filled(table, column.name, default, live),
        ]
        if column.get("not_null"):
            statements += not_null_where_possible(table, column.name)
    elif column.get("not_null"):
        # Rows that are there have nothing to put into it: that is a finding of its own afterwards.
        required = f"ALTER TABLE {table} ALTER COLUMN {column.name} SET NOT NULL"
        statements.append(Statement(guarded(f"NOT EXISTS (SELECT FROM {table})", required)))
        rows = [without_value(table, column.name)]
        return Step(finding, "adds", statements, undo, table, rows, guards_first=True)
    return Step(finding, "adds", statements, undo, table, cleanup=[_unproved(table, column.name)])


def _unproved(table: str, column: str) -> str:
    """Take away the check that stands in while NOT NULL is proved."""
    return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {proof_of(table, column)}"


def _numbered(table: str, column: Thing, bare: str, live: Schema) -> list[Statement]:
    """Number the rows that are there, then have the database number those that come."""
    name = column.name
    return [
        Statement(bare),
        Statement(
            "CREATE TEMP SEQUENCE IF NOT EXISTS doctor_numbers;"
            " SELECT setval('pg_temp.doctor_numbers',"
            f" (SELECT coalesce(max({name}), 0) + 1 FROM {table}), false)"
        ),
        filled(table, name, "nextval('pg_temp.doctor_numbers')", live),
        *not_null_where_possible(table, name),
        Statement(
            guarded(
                "NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid ="
                f" {literal(table)}::regclass AND quote_ident(attname) = {literal(name)}"
                " AND attidentity <> '')",
                f"ALTER TABLE {table} ALTER COLUMN {name} ADD GENERATED {_identity(column)}"
                f" AS IDENTITY; PERFORM setval(pg_get_serial_sequence({literal(table)},"
                f" {literal(name.strip(chr(34)))}), (SELECT coalesce(max({name}), 0) + 1"
                f" FROM {table}), false)",
            )
        ),
    ]


def change_column(finding: Finding, live: Schema) -> Step | Refusal:
    """Bring a column that is there to what is expected, where that loses nothing."""
    difference = finding.difference
    column = difference.thing
    table = column.of or ""
    alter = f"ALTER TABLE {table} ALTER COLUMN {column.name}"
    wanted, found = difference.values()
    if difference.aspect == "type":
        if not widens(found, wanted):
            return Refusal(finding, f"Values of {found} may not fit into {wanted}.")
        there = difference.found
        if there is not None and (users := there.get("used_by")):
            why = f"{', '.join(users)} would have to be dropped and made again around it, by hand."
            return Refusal(finding, why)
        return Step(
            finding, "changes", one(f"{alter} TYPE {wanted}"), [f"{alter} TYPE {found}"], table
        )
    if difference.aspect == "not_null":
        if found:
            return Step(
                finding, "changes", one(f"{alter} DROP NOT NULL"), [f"{alter} SET NOT NULL"], table
            )
        return Step(
            finding,
            "adds",
            not_null_where_possible(table, column.name),
            [_unproved(table, column.name), f"{alter} DROP NOT NULL"],
            table,
            [empty_values(table, column.name, live)],
            cleanup=[_unproved(table, column.name)],
        )
    if difference.aspect == "default":
        undo = f"{alter} SET DEFAULT {found}" if found else f"{alter} DROP DEFAULT"
        if wanted is None:
            return Step(finding, "changes", one(f"{alter} DROP DEFAULT"), [undo], table)
        return Step(
            finding,
            "changes" if found else "adds",
            one(f"{alter} SET DEFAULT {wanted}"),
            [undo],
            table,
        )
    if difference.aspect.startswith("identity") and wanted:
        return _change_identity(finding, table, column, alter)
    if difference.aspect in _SETTINGS:
        word, usual = _SETTINGS[difference.aspect]
        if wanted or usual:
            back = [f"{alter} SET {word} {found or usual}"] if found or usual else []
            sql = f"{alter} SET {word} {usual if wanted is None else wanted}"
            return Step(finding, "adds", one(sql), back, table)
    return Refusal(finding, _BY_HAND.get(difference.aspect, "It is changed by hand."))


def _change_identity(finding: Finding, table: str, column: Thing, alter: str) -> Step | Refusal:
    """Have the database number rows, or number them as expected."""
    wanted, found = finding.difference.values()
    there = finding.difference.found
    if finding.difference.aspect == "identity_options":
        if not found:
            return Refusal(finding, "They come with the identity.")
        sql, back = f"{alter} {_numbering(wanted)}", f"{alter} {_numbering(found)}"
        return Step(finding, "changes", one(sql), [back], table)
    if not found:
        if there is not None and there.get("default"):
            return Refusal(finding, "It has a default already; that has to go by hand first.")
        return _make_identity(finding, table, column, alter)
    words = {"a": "ALWAYS", "d": "BY DEFAULT"}
    sql, back = (f"{alter} SET GENERATED {words[side]}" for side in (wanted, found))
    return Step(finding, "changes", one(sql), [back], table)


def _numbering(options: str) -> str:
    """Return how identity numbers are given out, as ALTER COLUMN has it."""
    words = options.split()
    cycle = "SET CYCLE" if words[-1] == "cycle" else "SET NO CYCLE"
    names = {"start": "START WITH", "increment": "INCREMENT BY", "min": "MINVALUE"}
    pairs = dict(zip(words[:8:2], words[1:8:2], strict=True))
    set_ = [f"SET {names.get(name, 'MAXVALUE')} {value}" for name, value in pairs.items()]
    return " ".join([*set_, cycle])


def _make_identity(finding: Finding, table: str, column: Thing, alter: str) -> Step:
    name = literal(column.name.strip('"'))
    return Step(
        finding,
        "adds",
        one(
            guarded(
                "NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid ="
                f" {literal(table)}::regclass AND quote_ident(attname) ="
                f" {literal(column.name)} AND attidentity <> '')",
                f"{alter} ADD GENERATED {_identity(column)} AS IDENTITY;"
                f" PERFORM setval(pg_get_serial_sequence({literal(table)}, {name}),"
                f" (SELECT coalesce(max({column.name}), 0) + 1 FROM {table}), false)",
            )
        ),
        [f"{alter} DROP IDENTITY IF EXISTS"],
        table,
    )


def widens(found: str, wanted: str) -> bool:
    """Say whether every value of the type `found` is one of `wanted`, and means the same."""
    if (found, wanted) in _WIDER:
        return True
    was, will = (re.fullmatch(r"character varying(?:\((\d+)\))?|text", t) for t in (found, wanted))
    if was is None or will is None:
        return False
    return will[1] is None or (was[1] is not None and int(was[1]) <= int(will[1]))


def add_extra_column_default(finding: Finding) -> Step | Refusal:
    """Let inserts that do not know a column pass, where it insists on a value."""
    column = finding.difference.thing
    alter = f"ALTER TABLE {column.of} ALTER COLUMN {column.name}"
    if finding.severity != "error":
        return Refusal(finding, "What is not expected is never dropped.")
    return Step(
        finding, "changes", one(f"{alter} DROP NOT NULL"), [f"{alter} SET NOT NULL"], column.of
    )
