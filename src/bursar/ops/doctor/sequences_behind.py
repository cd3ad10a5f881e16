"""Sequences whose next number is taken already: the one difference that is in the data."""

from typing import Any

import psycopg

from bursar.ops.doctor.compare import Difference
from bursar.ops.doctor.schema import Thing

_FEEDING = """
SELECT s.oid::regclass::text AS sequence, c.oid::regclass::text AS "table",
    quote_ident(a.attname) AS "column"
FROM pg_class AS s
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class AS c ON c.oid = d.refobjid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
JOIN pg_sequence AS q ON q.seqrelid = s.oid
JOIN pg_namespace AS n ON n.oid = s.relnamespace
WHERE s.relkind = 'S' AND q.seqincrement > 0
    AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    AND n.nspname = ANY (current_setting('doctor.schemas')::text[])
    -- Conditions have no order, and of what is no sequence this may not be asked.
    AND CASE WHEN s.relkind = 'S' THEN has_sequence_privilege(s.oid, 'SELECT') ELSE false END
    AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY 1
"""


def sequences_behind(connection: psycopg.Connection[Any], schemas: list[str]) -> list[Difference]:
    """Return the sequences that are behind the column they number.

    The largest number of a column is found by its index; where there is none, the table is read.
    What the login may not read is left out.
    """
    behind = []
    with connection.transaction():
        connection.execute("SET LOCAL search_path = ''")
        connection.execute(
            "SELECT pg_catalog.set_config('doctor.schemas', %s::text[]::text, true)", [schemas]
        )
        for sequence, table, column in connection.execute(_FEEDING.encode()).fetchall():
            query = (
                f"SELECT s.last_value, s.is_called, (SELECT max({column}) FROM {table})"
                f" FROM {sequence} AS s"
            )
            [(last, called, largest)] = connection.execute(query.encode()).fetchall()
            if largest is not None and (last < largest or (last == largest and not called)):
                behind.append(
                    Difference(
                        "behind",
                        Thing("sequence", sequence, table, {"behind": largest, "column": column}),
                        Thing("sequence", sequence, table, {"behind": last}),
                    )
                )
    return behind
