-- Enums, domains and composite types that are no table's rows.
SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name, NULL AS of,
    jsonb_strip_nulls(jsonb_build_object('made', t.oid::bigint, 'owner', t.typowner::regrole::text,
        'kind', t.typtype,
        'labels', CASE t.typtype WHEN 'e' THEN (
            SELECT jsonb_agg(l.enumlabel ORDER BY l.enumsortorder)
            FROM pg_enum AS l WHERE l.enumtypid = t.oid) END,
        'base', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
        'not_null', CASE t.typtype WHEN 'd' THEN t.typnotnull END,
        'default', CASE t.typtype WHEN 'd' THEN t.typdefault END,
        'checks', CASE t.typtype WHEN 'd' THEN (
            SELECT jsonb_agg(regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '')
                ORDER BY pg_get_constraintdef(c.oid))
            FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c') END,
        'check_names', CASE t.typtype WHEN 'd' THEN (
            SELECT jsonb_object_agg(regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ''),
                quote_ident(c.conname))
            FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c') END,
        'unproved', CASE t.typtype WHEN 'd' THEN (
            SELECT jsonb_agg(regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', ''))
            FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c'
                AND NOT c.convalidated) END,
        'attributes', CASE t.typtype WHEN 'c' THEN (
            SELECT jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                ORDER BY a.attnum)
            FROM pg_attribute AS a
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
        'subtype', CASE t.typtype WHEN 'r' THEN (SELECT format_type(r.rngsubtype, NULL)
            FROM pg_range AS r WHERE r.rngtypid = t.oid) END)) AS facts
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND t.typtype IN ('e', 'd', 'c', 'r')
    AND (t.typrelid = 0 OR c.relkind = 'c')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid
        AND d.classid = 'pg_type'::regclass AND d.deptype = 'e')
