-- Tables, partitioned ones and partitions included.
SELECT c.oid::regclass::text AS name, NULL AS of,
    jsonb_strip_nulls(jsonb_build_object('made', c.oid::bigint, 'owner', c.relowner::regrole::text,
        'kind', c.relkind, 'persistence', c.relpersistence,
        'row_security', c.relrowsecurity, 'row_security_forced', c.relforcerowsecurity,
        'options', (SELECT jsonb_agg(o ORDER BY o) FROM unnest(c.reloptions) AS o),
        'replica_identity', c.relreplident,
        'published', nullif((n.nspname, c.relname) IN (SELECT t.schemaname, t.tablename
            FROM pg_publication_tables AS t JOIN pg_publication AS p ON p.pubname = t.pubname
            WHERE p.pubupdate OR p.pubdelete), false),
        'partitioned_by', CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END,
        'partition_of', CASE WHEN c.relispartition THEN (SELECT i.inhparent::regclass::text
            FROM pg_inherits AS i WHERE i.inhrelid = c.oid) END,
        'partition_bound', pg_get_expr(c.relpartbound, c.oid),
        'partition_condition', CASE WHEN c.relispartition
            THEN pg_get_partition_constraintdef(c.oid) END,
        'inherits', CASE WHEN NOT c.relispartition THEN (
            SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
            FROM pg_inherits AS i WHERE i.inhrelid = c.oid) END)) AS facts
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[]) AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid
        AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
