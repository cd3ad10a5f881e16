-- Sequences, but for those inside of identity columns.
SELECT c.oid::regclass::text AS name, NULL AS of,
    jsonb_strip_nulls(jsonb_build_object('made', c.oid::bigint, 'owner', c.relowner::regrole::text,
        'type', format_type(s.seqtypid, NULL),
        'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
        'cache', s.seqcache, 'cycle', s.seqcycle,
        'owned_by', (SELECT d.refobjid::regclass::text || '.' || quote_ident(a.attname)
            FROM pg_depend AS d
            JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'))
    ) AS facts
FROM pg_class AS c
JOIN pg_sequence AS s ON s.seqrelid = c.oid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid
        AND d.classid = 'pg_class'::regclass AND d.deptype IN ('i', 'e'))
