-- Policies of row-level security.
SELECT quote_ident(p.polname) AS name, p.polrelid::regclass::text AS of,
    jsonb_strip_nulls(jsonb_build_object('command', CASE p.polcmd WHEN 'r' THEN 'SELECT'
            WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'permissive', p.polpermissive,
        'roles', (SELECT jsonb_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END
            ORDER BY CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END COLLATE "C")
            FROM unnest(p.polroles) AS r),
        'using', pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid))) AS facts
FROM pg_policy AS p
JOIN pg_class AS c ON c.oid = p.polrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
