"""Rows that stand in a repair's way: how they are found, and how they are set aside."""

from collections.abc import Sequence

from bursar.ops.doctor.schema import Schema, Thing
from bursar.ops.doctor.step import Blocker, literal

FIRING = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def empty_values(table: str, column: str, live: Schema) -> Blocker:
    """Rows without a value where one is expected."""
    condition = f"{column} IS NULL"
    return Blocker(
        f"Rows of {table} have no {column}.",
        f"SELECT count(*) FROM {table} WHERE {condition}",
        f"SELECT to_jsonb(t) FROM {table} AS t WHERE {condition} LIMIT 20",
        f"Fill {column} in, or set these rows aside.",
        quarantine(table, f"t.{condition}", f"no {column}", live),
        _every(table, f"t.{condition}"),
    )


def without_value(table: str, column: str) -> Blocker:
    """Rows that will have no value where a column is added that has to have one."""
    return Blocker(
        f"Rows of {table} have nothing to put into {column}.",
        f"SELECT count(*) FROM {table}",
        f"SELECT to_jsonb(t) FROM {table} AS t LIMIT 20",
        f"Fill {column} in once it is there; NOT NULL follows then.",
    )


def duplicates(
    table: str,
    keys: Sequence[str],
    live: Schema,
    predicate: str | None = None,
    *,
    nulls_alike: bool = False,
) -> Blocker:
    """Rows that share a key; the first of each stays where rows are set aside.

    `keys` are columns or expressions; `predicate` says which rows count. Rows without a value
    share nothing, unless `nulls_alike`.
    """
    key = ", ".join(keys)
    filled = " AND ".join(
        [f"({k}) IS NOT NULL" for k in keys if not nulls_alike]
        + [f"({predicate})" for _ in range(bool(predicate))]
        or ["true"]
    )
    numbered = (
        f"SELECT tableoid, ctid, row_number() OVER (PARTITION BY {key} ORDER BY ctid) AS place"
        f" FROM {table} WHERE {filled}"
    )
    return Blocker(
        f"Rows of {table} share the same ({key}).",
        f"SELECT count(*) FROM ({numbered}) AS d WHERE place > 1",
        f"SELECT to_jsonb(d) FROM (SELECT {key}, count(*) AS rows FROM {table} WHERE {filled}"
        f" GROUP BY {key} HAVING count(*) > 1 LIMIT 20) AS d",
        "Keep one of each, or set all but the first aside.",
        quarantine(
            table,
            f"(t.tableoid, t.ctid) IN (SELECT d.tableoid, d.ctid FROM ({numbered}) AS d"
            " WHERE d.place > 1)",
            f"another row has the same ({key})",
            live,
        ),
    )


def orphans(
    table: str,
    columns: Sequence[str],
    parent: str,
    keys: Sequence[str],
    live: Schema,
    *,
    full: bool = False,
) -> Blocker:
    """Rows that refer to what is not there; where it is MATCH `full`, those half empty as well."""
    joint = " OR " if full else " AND "
    filled = joint.join(f"t.{column} IS NOT NULL" for column in columns)
    joined = " AND ".join(
        f"p.{key} = t.{column}" for key, column in zip(keys, columns, strict=True)
    )
    condition = f"({filled}) AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {joined})"
    return Blocker(
        f"Rows of {table} refer to rows of {parent} that are not there.",
        f"SELECT count(*) FROM {table} AS t WHERE {condition}",
        f"SELECT to_jsonb(t) FROM {table} AS t WHERE {condition} LIMIT 20",
        f"Bring the rows of {parent} back, empty the reference, or set these rows aside.",
        quarantine(table, condition, f"refers to nothing in {parent}", live),
        _every(table, condition),
    )


def violators(table: str, condition: str, live: Schema) -> Blocker:
    """Rows that a check would refuse."""
    broken, why = f"NOT ({condition})", f"breaks {condition}"
    return _where(table, broken, f"Rows of {table} break {condition}.", why, live)


def outside(column: Thing, base: str, condition: str, live: Schema) -> Blocker:
    """Rows whose value, or one of whose values, a domain's check would refuse."""
    table, array = column.of or "", "[]" if column.get("type").endswith("[]") else ""
    value = f"(t.{column.name})::{base}{array}"
    values = f"pg_catalog.unnest({value})" if array else f"(SELECT {value})"
    broken = f"EXISTS (SELECT FROM {values} AS d (value) WHERE NOT ({condition}))"
    return _where(
        table,
        broken,
        f"Rows of {table} hold a {column.name} that breaks {condition}.",
        f"breaks {condition}",
        live,
    )


def overlapping(constraint: Thing, live: Schema) -> Blocker:
    """Rows that an exclusion constraint forbids beside an earlier one."""
    table, pairs = constraint.of or "", constraint.get("excluded") or []
    keys = ", ".join(f"{key} AS k{place}" for place, (key, _) in enumerate(pairs))
    predicate = constraint.get("predicate")
    rows = f"(SELECT tableoid AS o, ctid AS c, {keys} FROM {table}"
    rows += f" WHERE {predicate})" if predicate else ")"
    clash = " AND ".join(f"a.k{n} {operator} b.k{n}" for n, (_, operator) in enumerate(pairs))
    later = f"SELECT a.o, a.c FROM {rows} AS a JOIN {rows} AS b ON (a.o, a.c) > (b.o, b.c)"
    return _where(
        table,
        f"(t.tableoid, t.ctid) IN ({later} AND {clash})",
        f"Rows of {table} stand in each other's way ({constraint.name}).",
        f"another row is in its way ({constraint.name})",
        live,
    )


def _where(table: str, condition: str, sentence: str, why: str, live: Schema) -> Blocker:
    """Rows `t` of which a condition is true."""
    return Blocker(
        sentence,
        f"SELECT count(*) FROM {table} AS t WHERE {condition}",
        f"SELECT to_jsonb(t) FROM {table} AS t WHERE {condition} LIMIT 20",
        "Correct these rows, or set them aside.",
        quarantine(table, condition, why, live),
        _every(table, condition),
    )


def _every(table: str, condition: str) -> str:
    """Return the query whether a condition is true of every row of a table."""
    return f"SELECT NOT EXISTS (SELECT FROM {table} AS t WHERE ({condition}) IS NOT TRUE)"


def quarantine(table: str, condition: str, why: str, live: Schema) -> str:
    """Return SQL that moves rows into a side table; triggers that refuse deletes rest meanwhile.

    `condition` is about the row `t`. Nothing is lost: the side table has every column, nobody but
    its owner sees it, and rows stay to which others refer in a way that would change those.
    """
    schema, _, name = table.rpartition(".")
    side = f'{schema}."{name.strip(chr(34))[:52]}_quarantine"'
    stays = "".join(f" AND NOT EXISTS (SELECT FROM {who})" for who in _dependants(table, live))
    oid = f"{literal(table)}::regclass"
    columns = f"FROM pg_catalog.pg_attribute WHERE attrelid = {oid} AND attnum > 0"
    return (
        "DO $doctor$ DECLARE v_columns text; v_more text; v_rest text; v_wake text; BEGIN"
        f" CREATE TABLE IF NOT EXISTS {side} AS SELECT t.*, now() AS quarantined_at,"
        f" ''::text AS quarantined_because FROM {table} AS t WITH NO DATA;"
        f" ALTER TABLE {side} ENABLE ROW LEVEL SECURITY;"
        " SELECT string_agg(quote_ident(attname), ', '), string_agg(format("
        f"'ALTER TABLE {side.replace(chr(39), chr(39) * 2)} ADD COLUMN IF NOT EXISTS %I %s;',"
        " attname, format_type(atttypid, atttypmod)), ' ') INTO v_columns, v_more"
        f" {columns} AND NOT attisdropped; EXECUTE v_more;"
        # What breaks a domain is kept as what the domain is made of.
        f" SELECT string_agg(format('ALTER TABLE %s ALTER COLUMN %I TYPE %s%s;',"
        f" a.attrelid::regclass, attname, format_type(d.typbasetype, d.typtypmod),"
        " CASE WHEN d.oid <> y.oid THEN '[]' END), ' ') INTO v_more"
        " FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid"
        " JOIN pg_catalog.pg_type AS d ON d.typtype = 'd' AND d.oid IN (y.oid, y.typelem)"
        f" WHERE a.attrelid = {literal(side)}::regclass AND a.attnum > 0 AND NOT attisdropped;"
        " IF v_more IS NOT NULL THEN EXECUTE v_more; END IF;"
        f" SELECT string_agg(format('ALTER TABLE %s DISABLE TRIGGER %I;', {oid}, tgname), ' '),"
        f" string_agg(format('ALTER TABLE %s %s TRIGGER %I;', {oid}, CASE tgenabled"
        " WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END,"
        " tgname), ' ') INTO v_rest, v_wake FROM pg_catalog.pg_trigger"
        f" WHERE tgrelid = {oid} AND NOT tgisinternal AND tgtype & 8 = 8 AND tgenabled <> 'D';"
        " SELECT concat(v_rest, string_agg(format('ALTER TABLE %s DISABLE RULE %I;',"
        f" {oid}, rulename), ' ')), concat(v_wake, string_agg(format("
        f"'ALTER TABLE %s ENABLE RULE %I;', {oid}, rulename), ' ')) INTO v_rest, v_wake"
        f" FROM pg_catalog.pg_rewrite WHERE ev_class = {oid} AND ev_type = '4'"
        " AND ev_enabled = 'O';"
        " EXECUTE v_rest;"
        f" EXECUTE format({literal(_moved(table, side, condition + stays))},"
        f" v_columns, {literal(why)}); EXECUTE v_wake; END $doctor$"
    )


def _moved(table: str, side: str, condition: str) -> str:
    """Return the statement that moves rows, for `format` with the columns and why."""
    table, side, condition = (text.replace("%", "%%") for text in (table, side, condition))
    return (
        f"WITH moved AS (DELETE FROM {table} AS t WHERE {condition} RETURNING t.*)"
        f" INSERT INTO {side} (quarantined_at, quarantined_because, %1$s)"
        " SELECT now(), %2$L, %1$s FROM moved"
    )


def _dependants(table: str, live: Schema) -> list[str]:
    """Return the rows elsewhere that refer to the row `t` of `table`, as FROM and WHERE."""
    return [
        f"{key.of} AS r WHERE "
        + " AND ".join(
            f"r.{theirs} = t.{ours}"
            for theirs, ours in zip(key.get("columns"), key.get("referenced_columns"), strict=True)
        )
        for key in live.all("constraint")
        if key.get("references") == table
    ]
