-- What is only told, and repaired by hand: publications, event triggers, foreign tables, operators,
-- casts, collations, aggregates' relatives. Those of the whole database are told as well.
SELECT o.type || ' ' || o.identity AS name, NULL AS of,
    jsonb_build_object('definition', o.definition) AS facts
FROM (
    SELECT 'publication' AS type, quote_ident(p.pubname) AS identity,
        concat_ws(' ', CASE WHEN p.puballtables THEN 'FOR ALL TABLES' END,
            CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END,
            (SELECT string_agg(r.prrelid::regclass::text
                || coalesce(' WHERE ' || pg_get_expr(r.prqual, r.prrelid), ''), ', '
                ORDER BY r.prrelid::regclass::text)
            FROM pg_publication_rel AS r WHERE r.prpubid = p.oid)) AS definition
    FROM pg_publication AS p
    UNION ALL
    SELECT 'event trigger', quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtenabled,
        e.evttags::text, e.evtfoid::regprocedure::text)
    FROM pg_event_trigger AS e
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = e.oid
        AND d.classid = 'pg_event_trigger'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'foreign table', c.oid::regclass::text, (SELECT string_agg(quote_ident(a.attname) || ' '
            || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
        || coalesce(' ' || f.ftoptions::text, '')
    FROM pg_foreign_table AS f JOIN pg_class AS c ON c.oid = f.ftrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    UNION ALL
    SELECT 'operator', p.oid::regoperator::text, p.oprcode::regprocedure::text
    FROM pg_operator AS p JOIN pg_namespace AS n ON n.oid = p.oprnamespace
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid
            AND d.classid = 'pg_operator'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'operator class', quote_ident(n.nspname) || '.' || quote_ident(k.opcname),
        m.amname || ' ' || format_type(k.opcintype, NULL)
    FROM pg_opclass AS k JOIN pg_namespace AS n ON n.oid = k.opcnamespace
    JOIN pg_am AS m ON m.oid = k.opcmethod
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = k.oid
            AND d.classid = 'pg_opclass'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'cast', format_type(k.castsource, NULL) || ' AS ' || format_type(k.casttarget, NULL),
        concat_ws(' ', k.castcontext, k.castmethod, nullif(k.castfunc, 0)::regprocedure)
    FROM pg_cast AS k
    WHERE k.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = k.oid
        AND d.classid = 'pg_cast'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'collation', quote_ident(n.nspname) || '.' || quote_ident(k.collname),
        concat_ws(' ', k.collprovider, k.collisdeterministic, k.collcollate)
    FROM pg_collation AS k JOIN pg_namespace AS n ON n.oid = k.collnamespace
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = k.oid
            AND d.classid = 'pg_collation'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'text search configuration', quote_ident(n.nspname) || '.' || quote_ident(k.cfgname), ''
    FROM pg_ts_config AS k JOIN pg_namespace AS n ON n.oid = k.cfgnamespace
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = k.oid
            AND d.classid = 'pg_ts_config'::regclass AND d.deptype = 'e')
) AS o
