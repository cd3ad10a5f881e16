-- P6: The guards of the shop's tables are on, and nobody but its functions writes what they record.
--
-- A finding names a trigger, constraint, index or row-level security that is missing, switched off
-- or not validated, or a grant that lets somebody write what only claims and events may. Nothing
-- has to be wrong yet, but it could have become so unseen: look at the other invariants, then apply
-- the migrations again, enable the trigger, or revoke the grant.
--
-- rows: SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
-- needs: public.purchase_claims
WITH wanted_trigger AS (
    -- tgtype: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
    SELECT to_regclass('public.' || t.on_table) AS id, t.name, 'bursar.' || t.calls AS calls, t.kind
    FROM (VALUES
        ('user_wallet_balances', 'zz_claims_booster', 'keep_booster', 23),
        ('user_wallet_balances', 'zz_claims_booster_inserted', 'record_booster_row', 5),
        ('user_wallet_balances', 'zz_claims_booster_deleted', 'record_booster_row', 9),
        ('booster_changes', 'append_only', 'refuse_change', 58),
        ('purchase_transfers', 'append_only', 'refuse_change', 58),
        ('store_config_changes', 'append_only', 'refuse_change', 58),
        ('store_config', 'recorded', 'record_store_config', 13),
        ('store_config', 'recorded_change', 'record_store_config', 17),
        ('sku_caps', 'zone_exists', 'refuse_unknown_zone', 23),
        ('user_time_zones', 'zone_exists', 'refuse_unknown_zone', 23)
    ) AS t (on_table, name, calls, kind)
),
wanted_constraint AS (
    SELECT to_regclass('public.' || c.on_table) AS id, c.name, c.kind
    FROM (VALUES ('purchase_claims', 'purchase_claims_pkey', 'p'),
        ('purchase_claims', 'purchase_claims_status', 'c'),
        ('audit_purchases', 'audit_purchases_pkey', 'p'),
        ('audit_purchases', 'audit_purchases_environment', 'c'),
        ('booster_changes', 'booster_changes_pkey', 'p'),
        ('booster_changes', 'booster_changes_cause', 'c'),
        ('purchase_transfers', 'purchase_transfers_pkey', 'p'),
        ('claims_over_cap', 'claims_over_cap_pkey', 'p'),
        ('claim_queue', 'claim_queue_once', 'u'), ('claim_queue', 'claim_queue_status', 'c'),
        ('claim_queue', 'claim_queue_waits_for', 'c'),
        ('skus', 'skus_pkey', 'p'), ('skus', 'skus_item_or_booster', 'c'),
        ('skus', 'skus_amount_range', 'c'), ('sku_caps', 'sku_caps_pkey', 'p'),
        ('sku_caps', 'sku_caps_rolling', 'c'),
        ('user_wallet_balances', 'user_wallet_balances_pkey', 'p')
    ) AS c (on_table, name, kind)
),
shop AS (
    SELECT c.oid, c.relname, c.relowner, c.relacl, c.relrowsecurity,
        c.relname IN ('booster_changes', 'purchase_transfers', 'purchase_claims',
            'claims_over_cap', 'claim_queue', 'store_config_changes') AS written_by_functions
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND c.relname IN ('skus', 'sku_caps', 'user_time_zones', 'user_wallet_balances',
            'booster_changes', 'audit_purchases', 'purchase_transfers', 'purchase_claims',
            'claims_over_cap', 'claim_queue', 'store_config', 'store_config_changes',
            'function_metrics')
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
    SELECT 'a unique index is missing or not valid', 'public.audit_purchases'::regclass,
        'index audit_purchases_transaction_key', 'unique, valid',
        CASE WHEN i.indexrelid IS NULL THEN 'nothing' ELSE 'not unique, or not valid' END
    FROM (SELECT to_regclass('public.audit_purchases_transaction_key') AS id) AS w
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = w.id
    WHERE (i.indisunique AND i.indisvalid AND i.indisready) IS NOT TRUE
    UNION ALL
    SELECT 'row-level security is off', oid, 'row-level security', 'on', 'off'
    FROM shop WHERE NOT relrowsecurity
    UNION ALL
    SELECT 'a grant opens a way past the functions', s.oid, CASE a.grantee WHEN 0 THEN 'PUBLIC'
        ELSE pg_get_userbyid(a.grantee) END, 'no ' || a.privilege_type, a.privilege_type
    FROM shop AS s
    CROSS JOIN LATERAL (
        SELECT grantee, privilege_type, NULL::name AS attname FROM aclexplode(s.relacl)
        UNION ALL SELECT x.grantee, x.privilege_type, t.attname FROM pg_catalog.pg_attribute AS t
        CROSS JOIN LATERAL aclexplode(t.attacl) AS x WHERE t.attrelid = s.oid
    ) AS a
    WHERE a.grantee <> s.relowner
        AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
        AND (a.privilege_type IN ('TRUNCATE', 'TRIGGER') OR a.grantee IN (0,
                coalesce(to_regrole('anon'), 0), coalesce(to_regrole('authenticated'), 0))
            OR s.written_by_functions
            -- Operators record a claim by hand; its status is not theirs to say.
            AND NOT (s.relname = 'purchase_claims' AND a.privilege_type = 'INSERT'
                AND a.attname IN ('tx_id', 'user_id', 'sku', 'claimed_at'))
            OR s.relname = 'user_wallet_balances' AND a.attname = 'booster_seq')
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('table', id::regclass, 'object', name)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM missing
ORDER BY id::regclass::text, name
LIMIT $1::bigint;
