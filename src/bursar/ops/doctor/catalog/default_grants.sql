-- What is granted on objects that will be made later. What holds in every schema says by itself
-- what PUBLIC may no longer do.
SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
        WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END
        || ' IN SCHEMA ' || quote_ident(n.nspname) AS name,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS of,
    jsonb_build_object('privileges', jsonb_agg(DISTINCT a.privilege_type)) AS facts
FROM pg_default_acl AS d
JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[]) AND a.grantee <> d.defaclrole
GROUP BY 1, 2
UNION ALL
SELECT CASE d.defaclobjtype WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END || ' IN EVERY SCHEMA',
    'PUBLIC', jsonb_build_object('privileges', '[]'::jsonb, 'everywhere', true)
FROM pg_default_acl AS d
WHERE d.defaclnamespace = 0 AND d.defaclobjtype IN ('f', 'T')
    AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) AS a WHERE a.grantee = 0)
GROUP BY 1
