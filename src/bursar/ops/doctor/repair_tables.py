"""Repairs of tables: made where they are missing, their settings brought to what is expected."""

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.repair_columns import definition_of
from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import Blocker, Refusal, Statement, Step, one

_BY_HAND = {
    "kind": "A table becomes a partitioned one only by being made anew.",
    "partitioned_by": "How a table is divided cannot be changed; it has to be made anew.",
    "partition_of": "ATTACH PARTITION or DETACH PARTITION is sent by hand.",
    "partition_bound": "It has to be detached and attached again, by hand.",
    "inherits": "ALTER TABLE … INHERIT or NO INHERIT is sent by hand.",
    "persistence": "SET UNLOGGED is sent by hand: its rows would be lost in a crash.",
    "replica_identity": "It needs an index of its own; it is set by hand.",
}
_IDENTITIES = {"f": "FULL", "n": "NOTHING"}


def add_table(finding: Finding, expected: Schema, live: Schema) -> Step | Refusal:
    """Make a table that is missing, with its columns; its parts follow as steps of their own."""
    table = finding.difference.thing
    if table.get("partition_of"):
        sql = (
            f"CREATE TABLE IF NOT EXISTS {table.name} PARTITION OF {table.get('partition_of')}"
            f" {table.get('partition_bound')}"
        )
        undo = [f"DROP TABLE {table.name}"]
        return Step(finding, "adds", one(sql), undo, table.name, _in_default(table, live))
    columns = sorted(expected.of("column", table.name), key=lambda column: column.get("place"))
    parts = [definition_of(column) for column in columns if not column.get("inherited")]
    sql = f"CREATE {'UNLOGGED ' if table.get('persistence') == 'u' else ''}TABLE IF NOT EXISTS "
    sql += f"{table.name} (\n    " + ",\n    ".join(parts) + ")"
    if table.get("inherits"):
        sql += f" INHERITS ({', '.join(table.get('inherits'))})"
    if table.get("partitioned_by"):
        sql += f" PARTITION BY {table.get('partitioned_by')}"
    if table.get("options"):
        sql += f" WITH ({', '.join(table.get('options'))})"
    statements = [Statement(sql)]
    if table.get("row_security"):
        statements.append(Statement(f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"))
    if table.get("row_security_forced"):
        statements.append(Statement(f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"))
    if table.get("replica_identity") in _IDENTITIES:
        words = _IDENTITIES[table.get("replica_identity")]
        statements.append(Statement(f"ALTER TABLE {table.name} REPLICA IDENTITY {words}"))
    return Step(finding, "adds", statements, [f"DROP TABLE {table.name}"], table.name)


def _in_default(partition: Thing, live: Schema) -> list[Blocker]:
    """Return the rows of a partition that is missing, where the default one has taken them in."""
    condition = partition.get("partition_condition")
    found = []
    for table in live.all("table"):
        siblings = table.get("partition_of") == partition.get("partition_of")
        if siblings and table.get("partition_bound") == "DEFAULT" and condition:
            found.append(
                Blocker(
                    f"Rows of {table.name} belong into {partition.name}.",
                    f"SELECT count(*) FROM {table.name} WHERE {condition}",
                    f"SELECT to_jsonb(t) FROM {table.name} AS t WHERE {condition} LIMIT 20",
                    f"Take them out of {table.name}, and put them back once it is there.",
                )
            )
    return found


def change_table(finding: Finding) -> Step | Refusal:
    """Bring a table's settings to what is expected."""
    difference = finding.difference
    table = difference.thing.name
    wanted, found = difference.values()
    alter = f"ALTER TABLE {table}"
    if difference.aspect in ("row_security", "row_security_forced"):
        on, off = (
            ("ENABLE", "DISABLE") if difference.aspect == "row_security" else ("FORCE", "NO FORCE")
        )
        word, back = (on, off) if wanted else (off, on)
        return Step(
            finding,
            "adds" if wanted else "changes",
            one(f"{alter} {word} ROW LEVEL SECURITY"),
            [f"{alter} {back} ROW LEVEL SECURITY"],
            table,
        )
    if difference.aspect == "options":
        old, new = (dict(o.split("=", 1) for o in side or ()) for side in (found, wanted))
        return Step(
            finding,
            "adds",
            _options(alter, new, old),
            [s.sql for s in _options(alter, old, new)],
            table,
        )
    if difference.aspect == "replica_identity" and wanted in "dfn":
        return Step(
            finding,
            "changes",
            one(f"{alter} REPLICA IDENTITY {_IDENTITIES.get(wanted, 'DEFAULT')}"),
            [f"{alter} REPLICA IDENTITY {_IDENTITIES.get(found, 'DEFAULT')}"],
            table,
        )
    if difference.aspect == "persistence" and (found, wanted) == ("u", "p"):
        return Step(
            finding, "changes", one(f"{alter} SET LOGGED"), [f"{alter} SET UNLOGGED"], table
        )
    return Refusal(finding, _BY_HAND.get(difference.aspect, "It is changed by hand."))


def _options(alter: str, new: dict[str, str], old: dict[str, str]) -> list[Statement]:
    gone = [name for name in old if name not in new]
    set_ = [f"{name} = {value}" for name, value in new.items() if old.get(name) != value]
    return [
        *([Statement(f"{alter} RESET ({', '.join(gone)})")] if gone else []),
        *([Statement(f"{alter} SET ({', '.join(set_)})")] if set_ else []),
    ]
