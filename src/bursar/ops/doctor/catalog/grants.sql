-- Who may do what: on schemas, tables, their columns, sequences, functions and types. What an owner
-- may do with their own is left out. One row for each object and role.
WITH granted AS (
    SELECT 'SCHEMA ' || quote_ident(n.nspname) AS object, a.*, n.nspowner AS owner
    FROM pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass, a.*,
        c.relowner
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault(
        CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) AS a
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid
            AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'COLUMN ' || c.oid::regclass || '.' || quote_ident(t.attname), a.*, c.relowner
    FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(t.attacl) AS a
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[]) AND NOT t.attisdropped
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure,
        a.*, p.proowner
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid
            AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'TYPE ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname), a.*, t.typowner
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    CROSS JOIN LATERAL aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS a
    WHERE n.nspname = ANY (current_setting('doctor.schemas')::text[])
        AND t.typtype IN ('e', 'd', 'c', 'r')
        AND (t.typrelid = 0 OR c.relkind = 'c')
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid
            AND d.classid = 'pg_type'::regclass AND d.deptype = 'e')
)
SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS name,
    g.object AS of,
    jsonb_build_object('privileges', jsonb_agg(DISTINCT g.privilege_type
        || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)) AS facts
FROM granted AS g LEFT JOIN pg_roles AS r ON r.oid = g.grantee
WHERE g.grantee <> g.owner AND (g.grantee = 0 OR NOT coalesce(r.rolsuper, false))
GROUP BY 1, 2
