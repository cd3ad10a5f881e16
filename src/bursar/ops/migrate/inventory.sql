-- What stands in the catalogue, a row for each thing that `bursar migrate verify` looks at: its
-- kind, its name, what there is to say of it, and what is wrong with it, if anything. $1 names the
-- schemas that are Bursar's own, $2 the functions that its files make elsewhere, $3 the tables.
WITH of_ours AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relacl, c.relowner,
        n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm')
        AND (n.nspname = ANY ($1::text[]) OR n.nspname || '.' || c.relname = ANY ($3::text[]))
), function AS (
    SELECT p.oid, p.prosecdef, p.prosqlbody, p.proacl, p.proowner, p.proconfig,
        n.nspname || '.' || p.proname AS name,
        (SELECT substr(s, strpos(s, '=') + 1) FROM unnest(p.proconfig) AS s
            WHERE starts_with(s, 'search_path=')) AS path
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE (n.nspname = ANY ($1::text[]) OR n.nspname || '.' || p.proname = ANY ($2::text[]))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'
            AND d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid)
)
SELECT 'function' AS kind,
    f.name || '(' || pg_get_function_identity_arguments(f.oid) || ')' AS name,
    concat_ws(', ', CASE WHEN f.prosecdef THEN 'security definer' ELSE 'security invoker' END,
        CASE WHEN f.prosqlbody IS NOT NULL THEN 'parsed body'
            WHEN f.path IS NOT NULL THEN 'search_path ' || f.path
            ELSE 'search_path of the caller' END) AS detail,
    CASE WHEN f.prosecdef AND f.prosqlbody IS NULL
            AND coalesce(f.path, '') !~ '(^|, )(pg_temp|"")$'
        THEN 'runs with the rights of its owner, and its search_path is not pinned' ELSE '' END
        AS complaint
FROM function AS f
UNION ALL
SELECT 'function', wanted.name, 'is made by a file', 'is missing'
FROM unnest($2::text[]) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM function AS f WHERE f.name = wanted.name)
UNION ALL
SELECT 'constraint', t.name || ' ' || k.conname, pg_get_constraintdef(k.oid),
    CASE WHEN k.convalidated THEN '' ELSE 'is not validated' END
FROM pg_catalog.pg_constraint AS k JOIN of_ours AS t ON t.oid = k.conrelid
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'index', t.name || ' ' || x.relname, pg_get_indexdef(x.oid),
    CASE WHEN i.indisvalid AND i.indisready THEN ''
        ELSE 'is invalid, and no query uses it' END
FROM pg_catalog.pg_index AS i
JOIN of_ours AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
UNION ALL
SELECT 'trigger', t.name || ' ' || g.tgname,
    concat(g.tgfoid::regproc, CASE g.tgenabled WHEN 'O' THEN ', enabled'
        WHEN 'A' THEN ', enabled always' WHEN 'R' THEN ', on replicas only'
        ELSE ', disabled' END),
    CASE WHEN g.tgenabled IN ('O', 'A') THEN '' ELSE 'is not enabled' END
FROM pg_catalog.pg_trigger AS g JOIN of_ours AS t ON t.oid = g.tgrelid
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'policy', t.name || ' ' || p.polname,
    concat(CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, ' for ', (
            SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END,
                ', ' ORDER BY r) FROM unnest(p.polroles) AS r)),
    CASE WHEN t.relrowsecurity THEN '' ELSE 'the table has no row-level security' END
FROM pg_catalog.pg_policy AS p JOIN of_ours AS t ON t.oid = p.polrelid
UNION ALL
SELECT 'grant', t.name || ' ' || g.grantee, string_agg(g.privilege_type, ', '
        ORDER BY g.privilege_type),
    CASE WHEN t.nspname = ANY ($1::text[]) AND g.grantee IN ('PUBLIC', 'anon', 'authenticated')
        AND bool_or(g.privilege_type <> 'SELECT') THEN 'may be written by everybody' ELSE '' END
FROM of_ours AS t
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END
            AS grantee, a.privilege_type, a.grantee AS role
    FROM aclexplode(t.relacl) AS a) AS g
WHERE g.role <> t.relowner
GROUP BY t.name, t.nspname, g.grantee
UNION ALL
SELECT 'grant', f.name || '(' || pg_get_function_identity_arguments(f.oid) || ') '
    || CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
    a.privilege_type, CASE WHEN a.grantee = 0 AND f.prosecdef
        THEN 'runs with the rights of its owner, for everybody' ELSE '' END
FROM function AS f
CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a
WHERE a.grantee <> f.proowner
ORDER BY 1, 2, 3
