"""Repairs of indexes: built beside the traffic; what a broken-off build leaves is taken away."""

from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.repair_rows import duplicates
from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import Blocker, Refusal, Statement, Step, guarded, literal, one


def add_index(finding: Finding, live: Schema) -> Step | Refusal:
    """Build an index that is missing, beside the traffic."""
    index = finding.difference.thing
    table, name = index.of or "", index.name.rpartition(".")[2]
    schema = index.name.rpartition(".")[0]
    undo = [f"DROP INDEX CONCURRENTLY {index.name}"]
    create, rest = index.get("definition").split(" INDEX ON ", 1)
    blockers = _twins(index, live)
    if is_partitioned(table, live):
        sql = f"{create} INDEX IF NOT EXISTS {name} ON {rest}"
        return Step(finding, "adds", one(sql), undo, table, blockers)
    statements = [
        *rebuilt(schema, name),
        Statement(f"{create} INDEX CONCURRENTLY IF NOT EXISTS {name} ON {rest}", alone=True),
    ]
    return Step(
        finding, "adds", statements, undo, table, blockers, cleanup=[s.sql for s in statements[:1]]
    )


def _twins(index: Thing, live: Schema) -> list[Blocker]:
    """Return the rows that share a key of a unique index."""
    if not index.get("unique"):
        return []
    return [duplicates(index.of or "", index.get("keys"), live, index.get("predicate"))]


def drop_ruin(finding: Finding) -> Step | Refusal:
    """Take away what a broken-off build of an index left behind: no query uses it."""
    index = finding.difference.thing
    if index.get("valid"):
        return Refusal(finding, "What is not expected is never dropped; decide yourself.")
    gone = f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}"
    return Step(finding, "changes", one(gone, alone=True), [], index.of)


def change_index(finding: Finding, live: Schema) -> Step | Refusal:
    """Build an index anew that is not as expected; the old one serves until then."""
    difference = finding.difference
    wanted, found = difference.expected, difference.found
    if wanted is None or found is None:
        return Refusal(finding, "There is nothing to change.")
    if difference.aspect == "valid" and is_partitioned(found.of or "", live):
        return Refusal(finding, "It is valid once each partition has its own; attach them by hand.")
    if difference.aspect == "valid":
        again = f"REINDEX INDEX CONCURRENTLY {found.name}"
        return Step(finding, "adds", one(again, alone=True), [], found.of, _twins(found, live))
    if difference.aspect != "definition":
        return Refusal(finding, "It is a choice of whoever runs the database.")
    if is_partitioned(found.of or "", live):
        return Refusal(finding, "An index over partitions is made anew by hand.")
    schema, _, name = found.name.rpartition(".")
    old = f"{name.strip(chr(34))[:50]}_replaced".replace('"', "")
    create, rest = wanted.get("definition").split(" INDEX ON ", 1)
    old_create, old_rest = found.get("definition").split(" INDEX ON ", 1)
    return Step(
        finding,
        "changes",
        [
            Statement(
                guarded(
                    f"to_regclass({literal(f'{schema}.{old}')}) IS NULL AND regexp_replace("
                    f"pg_get_indexdef(to_regclass({literal(found.name)})),"
                    " '^CREATE (UNIQUE )?INDEX .*? ON (ONLY )?', 'CREATE \\1INDEX ON ')"
                    f" = {literal(found.get('definition'))}",
                    f"ALTER INDEX {found.name} RENAME TO {old}",
                )
            ),
            Statement(f"{create} INDEX CONCURRENTLY IF NOT EXISTS {name} ON {rest}", alone=True),
            Statement(f"DROP INDEX CONCURRENTLY IF EXISTS {schema}.{old}", alone=True),
        ],
        [
            f"DROP INDEX CONCURRENTLY {found.name}",
            f"{old_create} INDEX CONCURRENTLY {name} ON {old_rest}",
        ],
        found.of,
        _twins(wanted, live),
        cleanup=[statement.sql for statement in rebuilt(schema, name)],
    )


def rebuilt(schema: str, index: str) -> list[Statement]:
    """Take away what an earlier attempt left unfinished under an index's name."""
    return [
        Statement(
            guarded(
                "EXISTS (SELECT FROM pg_catalog.pg_index WHERE NOT indisvalid AND indexrelid ="
                f" to_regclass({literal(f'{schema}.{index}')}))",
                f"DROP INDEX {schema}.{index}",
            )
        )
    ]


def is_partitioned(table: str, live: Schema) -> bool:
    """Say whether a table is only the whole of its partitions."""
    found = live.get("table", table)
    return found is not None and bool(found.get("partitioned_by"))
