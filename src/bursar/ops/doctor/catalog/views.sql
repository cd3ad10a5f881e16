-- Views and materialized views.
SELECT c.oid::regclass::text AS name, NULL AS of,
    jsonb_strip_nulls(jsonb_build_object('made', c.oid::bigint, 'owner', c.relowner::regrole::text,
        'kind', c.relkind, 'populated', c.relispopulated,
        'definition', rtrim(pg_get_viewdef(c.oid), ';'),
        'columns', (SELECT jsonb_agg(quote_ident(a.attname) || ' '
                || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
                AND NOT a.attisdropped),
        'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(c.reloptions) AS o))) AS facts
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[]) AND c.relkind IN ('v', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid
        AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
