-- Indexes that no constraint owns. A partition's indexes are those of its parent's index.
SELECT c.oid::regclass::text AS name, i.indrelid::regclass::text AS of,
    jsonb_strip_nulls(jsonb_build_object(
        'definition', regexp_replace(pg_get_indexdef(c.oid),
            '^CREATE (UNIQUE )?INDEX .*? ON (ONLY )?', 'CREATE \1INDEX ON '),
        'unique', i.indisunique, 'valid', i.indisvalid AND i.indisready,
        'plain_columns', CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL THEN (
            SELECT jsonb_agg(quote_ident(a.attname) ORDER BY k.place)
            FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.place <= i.indnkeyatts) END,
        'keys', (SELECT jsonb_agg(pg_get_indexdef(c.oid, k, true) ORDER BY k)
            FROM generate_series(1, i.indnkeyatts) AS k),
        'on_view', nullif(r.relkind = 'm', false),
        'predicate', pg_get_expr(i.indpred, i.indrelid),
        'clustered', nullif(i.indisclustered, false),
        'replica_identity', nullif(i.indisreplident, false))) AS facts
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_class AS r ON r.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND NOT c.relispartition AND r.relkind IN ('r', 'p', 'm')
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid
        AND k.contype IN ('p', 'u', 'x'))
    AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid IN (c.oid, r.oid)
        AND e.classid = 'pg_class'::regclass AND e.deptype = 'e')
