-- P6: Nobody but the owner of the ledger may write its tables or call its inner functions.
--
-- A finding names a grant that opens a way past the kernel, from a default privilege of the host or
-- from a hand. Revoke it, and look at the other invariants.
--
-- rows: SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = 'bursar'::regnamespace
WITH granted AS (
    SELECT c.oid::regclass::text AS object, a.grantee, a.privilege_type
    FROM pg_catalog.pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'bursar'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND a.grantee <> c.relowner
        AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
    UNION ALL
    SELECT format('%s (%I)', c.oid::regclass, t.attname), a.grantee, a.privilege_type
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS t ON t.attrelid = c.oid
    CROSS JOIN LATERAL aclexplode(t.attacl) AS a
    WHERE c.relnamespace = 'bursar'::regnamespace AND a.grantee <> c.relowner
        AND a.privilege_type IN ('INSERT', 'UPDATE')
    UNION ALL
    SELECT f.oid::regprocedure::text, a.grantee, a.privilege_type
    FROM pg_catalog.pg_proc AS f
    -- Without a list of its own a function may be called by everybody.
    CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a
    WHERE f.pronamespace = 'bursar'::regnamespace AND a.grantee <> f.proowner
        AND (f.prosecdef OR f.provolatile = 'v')  -- others have no more than their caller, and read
        AND (a.grantee = 0 OR a.grantee = to_regrole('anon')
            OR a.grantee = to_regrole('authenticated'))
)
SELECT 'a grant opens a way past the kernel' AS what,
    jsonb_build_object('object', object, 'role', CASE grantee WHEN 0 THEN 'PUBLIC'
        ELSE pg_get_userbyid(grantee) END, 'privilege', privilege_type) AS ids,
    'not granted' AS expected,
    'granted' AS found,
    count(*) OVER () AS findings
FROM granted
ORDER BY object, grantee, privilege_type
LIMIT $1::bigint;
