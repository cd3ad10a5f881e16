-- P6: The guards of the marketplace's tables are on, and nobody but its functions writes them.
--
-- A finding names a trigger, constraint or row-level security that is missing, switched off or not
-- validated, or a grant that lets somebody write what only purchases and events may. Nothing has to
-- be wrong yet, but it could have become so unseen: look at the other invariants, then apply the
-- migrations again, enable the trigger, or revoke the grant.
--
-- rows: SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
-- needs: public.marketplace_purchases
WITH wanted_trigger AS (
    -- tgtype: 1 row, 2 before, 4 insert, 8 delete, 16 update.
    SELECT to_regclass(t.on_table) AS id, t.name, t.calls, t.kind
    FROM (VALUES
        ('public.workspace_credits', 'zz_bursar_totals', 'bursar.keep_workspace_totals', 19),
        ('public.workspace_credits', 'zz_bursar_totals_said', 'bursar.keep_workspace_totals', 19),
        ('public.workspace_credits', 'zz_bursar_totals_insert', 'bursar.keep_workspace_totals', 7),
        ('public.leads', 'a_bursar_gate', 'bursar.stop_at_closed_gate', 30),
        ('public.leads', 'zz_bursar_restate', 'bursar.restate_lead', 19)
    ) AS t (on_table, name, calls, kind)
),
wanted_constraint AS (
    SELECT to_regclass('public.' || c.on_table) AS id, c.name, c.kind
    FROM (VALUES ('leads', 'leads_sold_at_most_max_sales', 'c'),
        ('leads', 'leads_price_range', 'c'), ('leads', 'leads_max_sales_range', 'c'),
        ('workspace_credits', 'workspace_credits_totals_make_the_balance', 'c'),
        ('marketplace_purchases', 'marketplace_purchases_pkey', 'p'),
        ('marketplace_purchase_items', 'marketplace_purchase_items_pkey', 'p'),
        ('marketplace_purchase_items', 'marketplace_purchase_items_lead_id_fkey', 'f'),
        ('marketplace_purchase_items', 'marketplace_purchase_items_purchase_id_fkey', 'f'),
        ('card_payments', 'card_payments_pkey', 'p'),
        ('card_payments', 'card_payments_purchase_id_key', 'u'),
        ('card_payments', 'card_payments_session_id_key', 'u'),
        ('card_payments', 'card_payments_payment_intent_key', 'u'),
        ('card_payouts', 'card_payouts_pkey', 'p'),
        ('card_refunds', 'card_refunds_pkey', 'p'),
        ('card_refunds', 'card_refunds_payment_id_key', 'u')
    ) AS c (on_table, name, kind)
),
market AS (
    SELECT c.oid, c.relname, c.relowner, c.relacl, c.relrowsecurity,
        c.relname NOT IN ('leads', 'workspace_credits', 'audit_logs', 'marketplace_config')
            AS written_by_functions
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND c.relname IN ('leads', 'workspace_credits', 'marketplace_purchases',
            'marketplace_purchase_items', 'card_payments', 'card_payouts', 'card_refunds',
            'audit_logs', 'marketplace_config')
),
missing AS (
    SELECT 'a guard is missing or switched off' AS what, w.id, 'trigger ' || w.name AS name,
        'calls ' || w.calls || ', enabled' AS expected,
        coalesce('calls ' || t.tgfoid::regproc
            || CASE WHEN t.tgenabled IN ('O', 'A') THEN ', enabled' ELSE ', disabled' END
            || CASE WHEN t.tgtype <> w.kind THEN ', at other times' ELSE '' END, 'nothing') AS found
    FROM wanted_trigger AS w
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = w.id AND t.tgname = w.name
    WHERE (t.tgenabled IN ('O', 'A') AND t.tgtype = w.kind
        AND t.tgfoid = to_regproc(w.calls)) IS NOT TRUE
    UNION ALL
    SELECT 'a constraint is missing or not in force', w.id, 'constraint ' || w.name, 'validated',
        CASE WHEN c.oid IS NULL THEN 'nothing' ELSE pg_get_constraintdef(c.oid) END
    FROM wanted_constraint AS w
    LEFT JOIN pg_catalog.pg_constraint AS c ON c.conrelid = w.id AND c.conname = w.name
    -- Since PostgreSQL 18 a constraint may also be there and not enforced.
    WHERE (c.contype::text = w.kind AND c.convalidated
        AND to_jsonb(c) ->> 'conenforced' IS DISTINCT FROM 'false') IS NOT TRUE
    UNION ALL
    SELECT 'row-level security is off', oid, 'row-level security', 'on', 'off'
    FROM market WHERE NOT relrowsecurity
    UNION ALL
    SELECT 'a grant opens a way past the functions', m.oid, CASE a.grantee WHEN 0 THEN 'PUBLIC'
        ELSE pg_get_userbyid(a.grantee) END, 'no ' || a.privilege_type, a.privilege_type
    FROM market AS m
    CROSS JOIN LATERAL (
        SELECT grantee, privilege_type FROM aclexplode(m.relacl)
        UNION ALL SELECT x.grantee, x.privilege_type FROM pg_catalog.pg_attribute AS t
        CROSS JOIN LATERAL aclexplode(t.attacl) AS x WHERE t.attrelid = m.oid
    ) AS a
    WHERE m.written_by_functions AND a.grantee <> m.relowner
        AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('table', id::regclass, 'object', name)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM missing
ORDER BY id::regclass::text, name
LIMIT $1::bigint;
