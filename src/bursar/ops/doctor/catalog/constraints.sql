-- Keys, foreign keys, checks and exclusions of tables. NOT NULL belongs to its column; what a
-- partition has of its parent is the parent's.
SELECT quote_ident(k.conname) AS name, k.conrelid::regclass::text AS of,
    jsonb_strip_nulls(jsonb_build_object('kind', k.contype,
        'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
        'columns', (SELECT jsonb_agg(quote_ident(a.attname) ORDER BY p.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS p (attnum, place)
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.attnum),
        'references', CASE k.contype WHEN 'f' THEN k.confrelid::regclass::text END,
        'referenced_columns', CASE k.contype WHEN 'f' THEN (
            SELECT jsonb_agg(quote_ident(a.attname) ORDER BY p.place)
            FROM unnest(k.confkey) WITH ORDINALITY AS p (attnum, place)
            JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.attnum) END,
        'on_delete', CASE k.contype WHEN 'f' THEN k.confdeltype END,
        'on_delete_columns', (
            SELECT jsonb_agg(quote_ident(a.attname) ORDER BY a.attname COLLATE "C")
            FROM pg_attribute AS a
            WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.confdelsetcols)),
        'off', nullif(EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgenabled IN ('D', 'R')
            AND t.tgisinternal AND t.tgconstraint IN (SELECT k.oid UNION ALL
                SELECT p.oid FROM pg_constraint AS p WHERE p.conparentid = k.oid)), false),
        'excluded', CASE k.contype WHEN 'x' THEN (SELECT jsonb_agg(jsonb_build_array(
                pg_get_indexdef(k.conindid, x.place::int, true),
                'OPERATOR(' || quote_ident(s.nspname) || '.' || o.oprname || ')') ORDER BY x.place)
            FROM unnest(k.conexclop) WITH ORDINALITY AS x (operator, place)
            JOIN pg_operator AS o ON o.oid = x.operator
            JOIN pg_namespace AS s ON s.oid = o.oprnamespace) END,
        'predicate', (SELECT pg_get_expr(i.indpred, i.indrelid) FROM pg_index AS i
            WHERE i.indexrelid = k.conindid AND k.contype = 'x'),
        'on_update', CASE k.contype WHEN 'f' THEN k.confupdtype END,
        'match', CASE k.contype WHEN 'f' THEN k.confmatchtype END,
        'deferrable', k.condeferrable, 'deferred', k.condeferred,
        'validated', k.convalidated,
        'enforced', coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
        'no_inherit', CASE k.contype WHEN 'c' THEN k.connoinherit END,
        'clustered', (SELECT nullif(i.indisclustered, false) FROM pg_index AS i
            WHERE i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')),
        'replica_identity', (SELECT nullif(i.indisreplident, false) FROM pg_index AS i
            WHERE i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')))) AS facts
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND k.contype IN ('p', 'u', 'f', 'c', 'x')
    AND k.conparentid = 0 AND NOT (k.coninhcount > 0 AND NOT k.conislocal)
    AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = c.oid
        AND e.classid = 'pg_class'::regclass AND e.deptype = 'e')
