-- What there is besides rows, counted by kind: a restore that lost a policy or a grant has fewer.
-- Privileges are counted as they are in force, whether they are written down or the default.
WITH mine AS (
    SELECT n.oid, n.nspacl, n.nspowner FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
),
extended AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d WHERE d.deptype = 'e'
),
relations AS (
    SELECT c.oid, c.relkind, c.relowner, c.relacl FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace IN (SELECT oid FROM mine) AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM extended AS e
        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
),
functions AS (
    SELECT p.oid, p.proowner, p.proacl FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace IN (SELECT oid FROM mine)
    AND NOT EXISTS (SELECT FROM extended AS e
        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
)
SELECT kind, amount FROM (
    SELECT CASE r.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables'
            WHEN 'i' THEN 'indexes' WHEN 'I' THEN 'indexes' WHEN 'S' THEN 'sequences'
            WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialised views'
            WHEN 'f' THEN 'foreign tables' ELSE 'types' END AS kind, count(*) AS amount
    FROM relations AS r WHERE r.relkind <> 't' GROUP BY 1
    UNION ALL SELECT 'functions', count(*) FROM functions
    UNION ALL SELECT 'constraints', count(*) FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid IN (SELECT oid FROM relations) AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL SELECT 'triggers', count(*) FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid IN (SELECT oid FROM relations) AND NOT t.tgisinternal
    UNION ALL SELECT 'policies', count(*) FROM pg_catalog.pg_policy AS p
        WHERE p.polrelid IN (SELECT oid FROM relations)
    UNION ALL SELECT 'large objects', count(*) FROM pg_catalog.pg_largeobject_metadata
    UNION ALL SELECT 'privileges', count(*) FROM (
        SELECT r.oid, a.grantee, a.privilege_type, a.is_grantable FROM relations AS r
        CROSS JOIN LATERAL aclexplode(coalesce(r.relacl, acldefault(
            CASE WHEN r.relkind = 'S' THEN 's' ELSE 'r' END::"char", r.relowner))) AS a
        WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION SELECT f.oid, a.grantee, a.privilege_type, a.is_grantable FROM functions AS f
        CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a
        UNION SELECT m.oid, a.grantee, a.privilege_type, a.is_grantable FROM mine AS m
        CROSS JOIN LATERAL aclexplode(coalesce(m.nspacl, acldefault('n', m.nspowner))) AS a
    ) AS granted
) AS counted
WHERE amount > 0
ORDER BY kind;
