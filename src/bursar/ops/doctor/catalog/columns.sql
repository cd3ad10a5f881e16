-- Columns of tables. A partition's and a child's inherited columns are their parent's.
SELECT quote_ident(a.attname) AS name, c.oid::regclass::text AS of,
    jsonb_strip_nulls(jsonb_build_object('type', format_type(a.atttypid, a.atttypmod),
        'not_null', a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint AS k
            WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
                AND NOT k.convalidated),
        'default', CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid)
            || CASE a.attgenerated WHEN 'v' THEN ' VIRTUAL' ELSE ' STORED' END END,
        'identity', nullif(a.attidentity, ''),
        'identity_options', (SELECT concat_ws(' ', 'start', s.seqstart, 'increment',
                s.seqincrement, 'min', s.seqmin, 'max', s.seqmax, CASE WHEN s.seqcycle
                THEN 'cycle' END)
            FROM pg_depend AS i JOIN pg_sequence AS s ON s.seqrelid = i.objid
            WHERE i.refobjid = c.oid AND i.refobjsubid = a.attnum AND i.deptype = 'i'
                AND i.classid = 'pg_class'::regclass),
        'collation', CASE WHEN a.attcollation <> t.typcollation THEN
            a.attcollation::regcollation::text END,
        'storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED'
            END END,
        'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
        'statistics_target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
        'used_by', (SELECT jsonb_agg(DISTINCT CASE
                WHEN d.classid = 'pg_rewrite'::regclass THEN (SELECT 'view ' || r.ev_class::regclass
                    FROM pg_rewrite AS r WHERE r.oid = d.objid)
                WHEN d.classid = 'pg_class'::regclass AND d.objsubid = 0 THEN 'the partition key'
                WHEN g.attnum IS NOT NULL THEN 'column ' || quote_ident(g.attname)
                ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END)
            FROM pg_depend AS d
            LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
            LEFT JOIN pg_attribute AS g ON g.attrelid = c.oid AND g.attgenerated <> ''
                AND g.attnum <> a.attnum AND g.attnum = coalesce(e.adnum, d.objsubid)
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                AND d.refobjsubid = a.attnum
                AND (d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass,
                        'pg_trigger'::regclass, 'pg_proc'::regclass)
                    OR g.attnum IS NOT NULL
                    OR (d.classid = 'pg_class'::regclass AND d.objid = c.oid
                        AND d.objsubid = 0))),
        'inherited', nullif(a.attinhcount > 0 AND NOT a.attislocal, false),
        'place', a.attnum)) AS facts
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND c.relkind IN ('r', 'p') AND a.attnum > 0
    AND NOT a.attisdropped
    AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = c.oid
        AND e.classid = 'pg_class'::regclass AND e.deptype = 'e')
