-- P6: The guards that keep every other writer out are in place and switched on.
--
-- A finding names a trigger, constraint, index or row-level security that is missing, switched off
-- or not validated. Nothing has to be wrong yet, but it could have become so unseen: look at the
-- other invariants, then apply the migrations again, or enable the trigger.
--
-- rows: SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
WITH store AS (
    SELECT a.asset, a.store::oid AS id, a.owner_column, a.balance_column, c.relname
    FROM bursar.asset AS a
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = a.store
    WHERE a.store IS NOT NULL
),
guarded AS (
    SELECT id, relname FROM store WHERE relname IS NOT NULL
    UNION ALL SELECT oid, relname FROM pg_catalog.pg_class WHERE oid = 'bursar.wallet'::regclass
),
wanted_trigger AS (
    -- tgtype: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
    SELECT r::regclass::oid AS id, 'append_only' AS name, 'bursar.refuse_change' AS calls,
        58 AS kind
    FROM unnest(ARRAY['bursar.entry', 'bursar.transaction', 'bursar.external_reference']) AS r
    UNION ALL
    SELECT g.id, t.name, t.calls, t.kind
    FROM guarded AS g
    CROSS JOIN (VALUES
        ('a_bursar_writers_insert', 'bursar.refuse_raw_write', 7),
        ('a_bursar_writers_update', 'bursar.refuse_raw_write', 18),
        ('a_bursar_writers_delete', 'bursar.refuse_raw_write', 11),
        ('enforce_non_negative_balance', 'public.prevent_negative_balance', 23),
        ('zz_bursar_raw_insert', 'bursar.record_raw_write', 7),
        ('zz_bursar_raw_inserted', 'bursar.record_raw_insert', 5),
        ('zz_bursar_raw_update', 'bursar.record_raw_write', 19),
        ('zz_bursar_raw_update_owner', 'bursar.record_raw_write', 19),
        ('zz_bursar_raw_delete', 'bursar.record_raw_write', 11),
        ('zz_bursar_truncate', 'bursar.refuse_truncate', 34)
    ) AS t (name, calls, kind)
),
wanted_constraint AS (
    SELECT c.on_table::regclass::oid AS id, c.name
    FROM (VALUES ('bursar.wallet', 'wallet_balance_non_negative'),
        ('bursar.wallet', 'wallet_bursar_held'), ('bursar.hold', 'hold_sum'),
        ('bursar.hold', 'hold_ended')) AS c (on_table, name)
    UNION ALL SELECT id, relname || '_' || balance_column || '_non_negative' FROM store
    WHERE relname IS NOT NULL
    UNION ALL SELECT id, relname || '_bursar_held' FROM store WHERE relname IS NOT NULL
),
wanted_domain AS (
    SELECT d.on_table::regclass::oid AS id, d.column_name, d.domain, d.name
    FROM (VALUES ('bursar.entry', 'amount', 'bursar.change', 'change_not_zero'),
        ('bursar.entry', 'seq', 'bursar.place', 'place_positive'),
        ('bursar.entry', 'balance_after', 'bursar.posted_balance', 'posted_balance_non_negative'),
        ('bursar.wallet', 'bursar_status', 'bursar.wallet_status', 'wallet_status_known')
    ) AS d (on_table, column_name, domain, name)
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
    WHERE (c.contype = 'c' AND c.convalidated
        AND to_jsonb(c) ->> 'conenforced' IS DISTINCT FROM 'false') IS NOT TRUE
    UNION ALL
    SELECT 'a constraint is missing or not in force', w.id,
        format('column %s of domain %s', w.column_name, w.domain), w.name || ', validated',
        coalesce(format_type(a.atttypid, NULL) || CASE WHEN c.oid IS NULL THEN ' without it'
            ELSE ', ' || pg_get_constraintdef(c.oid) END, 'nothing')
    FROM wanted_domain AS w
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = w.id AND a.attname = w.column_name
    LEFT JOIN pg_catalog.pg_constraint AS c ON c.contypid = a.atttypid AND c.conname = w.name
    WHERE (a.atttypid = to_regtype(w.domain) AND c.convalidated) IS NOT TRUE
    UNION ALL
    SELECT 'a unique index is missing or not valid', i.indrelid, 'index ' || w.name,
        'unique, valid', CASE WHEN i.indexrelid IS NULL THEN 'nothing' ELSE 'not valid' END
    FROM unnest(ARRAY['entry_pkey', 'entry_wallet_seq_key', 'transaction_pkey', 'hold_pkey',
        'idempotency_pkey', 'external_reference_pkey', 'wallet_pkey', 'inbox_pkey']) AS w (name)
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = to_regclass('bursar.' || w.name)
    WHERE (i.indisunique AND i.indisvalid AND i.indisready) IS NOT TRUE
    UNION ALL
    SELECT 'row-level security is off', oid, 'row-level security', 'on', 'off'
    FROM pg_catalog.pg_class
    WHERE relnamespace = 'bursar'::regnamespace AND relkind IN ('r', 'p') AND NOT relrowsecurity
        AND relname IN ('gate', 'asset', 'wallet', 'transaction', 'entry', 'hold', 'idempotency',
            'external_reference', 'metric_minute', 'inbox',
            'heartbeat', 'observation', 'alert', 'alert_event')
    UNION ALL
    SELECT 'a store does not exist', NULL, 'store of ' || s.asset, 'a table with the columns '
        || s.owner_column || ', ' || s.balance_column || ', bursar_held, bursar_seq, bursar_status',
        coalesce(s.relname, 'nothing')
    FROM store AS s
    WHERE (SELECT count(*) FROM pg_catalog.pg_attribute AS c
        WHERE c.attrelid = s.id AND NOT c.attisdropped AND c.attname IN (s.owner_column,
            s.balance_column, 'bursar_held', 'bursar_seq', 'bursar_status')) < 5
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('table', id::regclass, 'object', name)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM missing
ORDER BY id::regclass::text, name
LIMIT $1::bigint;
