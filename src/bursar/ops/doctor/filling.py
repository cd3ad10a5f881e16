"""How a column gets its values, and how it is proved that each row has one."""

from bursar.ops.doctor.leftovers import proof_of
from bursar.ops.doctor.repair_rows import FIRING
from bursar.ops.doctor.schema import Schema
from bursar.ops.doctor.step import Statement, guarded, has_constraint, literal

# Rows that are filled in by one transaction.
BATCH = 5000


def filled(table: str, column: str, value: str, live: Schema) -> Statement:
    """Fill a column in, some thousand rows a transaction.

    It is not an update that anybody made, so triggers that mind updates rest while one of these
    transactions lasts; others who write wait for that moment.
    """
    resting = [
        trigger
        for trigger in live.of("trigger", table)
        if "UPDATE" in trigger.get("definition").partition(" ON ")[0]
        and trigger.get("enabled") in FIRING
    ]
    rest = "".join(f" ALTER TABLE {table} DISABLE TRIGGER {t.name};" for t in resting)
    wake = "".join(
        f" ALTER TABLE {table} {FIRING[t.get('enabled')]} TRIGGER {t.name};" for t in resting
    )
    return Statement(
        f"DO $doctor$ DECLARE v_filled bigint; BEGIN LOOP{rest}"
        f" WITH filled AS (UPDATE {table} SET {column} = {value} WHERE {column} IS NULL"
        f" AND ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} IS NULL LIMIT {BATCH}))"
        f" RETURNING {column} AS value) SELECT count(value) INTO v_filled FROM filled;{wake}"
        " COMMIT; EXIT WHEN v_filled = 0; END LOOP; END $doctor$",
        alone=True,
    )


def not_null_where_possible(table: str, column: str) -> list[Statement]:
    """Set NOT NULL without a scan under a lock that stops writers.

    A check that is valid proves it; PostgreSQL then need not look again.
    """
    check = proof_of(table, column)
    open_still = (
        "EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE NOT attnotnull AND attrelid ="
        f" {literal(table)}::regclass AND quote_ident(attname) = {literal(column)})"
    )
    there = has_constraint(table, check)
    # Since version 18 NOT NULL may stand there unproved.
    unproved = (
        "DO $doctor$ DECLARE v_name name; BEGIN FOR v_name IN SELECT k.conname"
        " FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_attribute AS a"
        " ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum] WHERE k.contype = 'n'"
        f" AND NOT k.convalidated AND k.conrelid = {literal(table)}::regclass"
        f" AND quote_ident(a.attname) = {literal(column)} LOOP EXECUTE"
        f" format('ALTER TABLE %s VALIDATE CONSTRAINT %I', {literal(table)}, v_name);"
        " END LOOP; END $doctor$"
    )
    return [
        Statement(unproved, proves=True),
        Statement(
            guarded(
                f"{open_still} AND NOT {there}",
                f"ALTER TABLE {table} ADD CONSTRAINT {check}"
                f" CHECK ({column} IS NOT NULL) NOT VALID",
            )
        ),
        Statement(guarded(there, f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}"), proves=True),
        Statement(
            guarded(
                there,
                f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;"
                f" ALTER TABLE {table} DROP CONSTRAINT {check}",
            )
        ),
    ]
