-- requires: ledger/raw_write.sql
-- requires: ledger/attach_guards.sql
-- requires: ledger/build_stores.sql
-- "Your table stays the wallet": an asset is registered with the table and column that hold its
-- balances. Registering adds the kernel's columns beside the balance, the guards that hold against
-- every writer, opening entries for balances that are there already, and generates the few
-- functions that know where the asset lives. Registering again changes nothing.
CREATE OR REPLACE FUNCTION bursar.register_asset(
    p_asset text,
    p_store regclass DEFAULT NULL,
    p_owner_column name DEFAULT NULL,
    p_balance_column name DEFAULT NULL,
    p_debt_policy text DEFAULT 'repay_first'
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    PERFORM bursar.enter_asset(p_asset, p_store, p_owner_column, p_balance_column, p_debt_policy);
    IF p_store IS NOT NULL THEN
        PERFORM bursar.guard_store(p_asset);
    END IF;
    PERFORM bursar.build_stores();
END
$$;

COMMENT ON FUNCTION bursar.register_asset(text, regclass, name, name, text) IS
    'Registers an asset and the table and column that hold its balances.';
REVOKE ALL ON FUNCTION bursar.register_asset(text, regclass, name, name, text)
    FROM PUBLIC, anon, authenticated;

-- The most that a column of this type holds, at most 10^18; NULL for a type that cannot be a
-- balance. A numeric has a declared precision and no digits after the point.
CREATE OR REPLACE FUNCTION bursar.balance_max(p_type oid, p_modifier integer) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT CASE WHEN t.told = 'integer' THEN 2147483647
        WHEN t.told = 'bigint' THEN 1000000000000000000
        WHEN t.told ~ '^numeric\(([1-9]|1[0-8]),0\)$'
            THEN (power(10::numeric, substring(t.told FROM '\d+')::integer) - 1)::bigint END
    FROM format_type(p_type, p_modifier) AS t (told)
$$;

COMMENT ON FUNCTION bursar.balance_max(oid, integer) IS
    'The most that a balance column of this type holds; NULL where it cannot be one.';
REVOKE ALL ON FUNCTION bursar.balance_max(oid, integer) FROM PUBLIC, anon, authenticated;

-- Writes an asset and that of its debts into the registry, where they are not there.
CREATE OR REPLACE FUNCTION bursar.enter_asset(
    p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_debt_policy text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_owner_type text := 'text';
    v_balance_max bigint := 1000000000000000000;
BEGIN
    IF p_store IS NOT NULL THEN
        SELECT CASE format_type(atttypid, NULL) WHEN 'uuid' THEN 'uuid' ELSE 'text' END
        INTO STRICT v_owner_type FROM pg_attribute
        WHERE attrelid = p_store AND attname = p_owner_column AND NOT attisdropped;
        SELECT bursar.balance_max(atttypid, atttypmod) INTO STRICT v_balance_max
        FROM pg_attribute
        WHERE attrelid = p_store AND attname = p_balance_column AND NOT attisdropped
            AND bursar.balance_max(atttypid, atttypmod) IS NOT NULL;
    END IF;
    INSERT INTO bursar.asset (
        asset, store, owner_column, owner_type, balance_column, balance_max, debt_policy)
    VALUES (p_asset, p_store, p_owner_column, v_owner_type, p_balance_column, v_balance_max,
        p_debt_policy), (p_asset || ':owed', NULL, NULL, 'text', NULL, 1000000000000000000,
        p_debt_policy)
    ON CONFLICT (asset) DO NOTHING;
END
$$;

COMMENT ON FUNCTION bursar.enter_asset(text, regclass, name, name, text) IS
    'Writes an asset into the registry; its store is not touched.';
REVOKE ALL ON FUNCTION bursar.enter_asset(text, regclass, name, name, text)
    FROM PUBLIC, anon, authenticated;

-- The kernel's columns, checks and triggers on a store, and opening entries for what it holds.
CREATE OR REPLACE FUNCTION bursar.guard_store(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    a bursar.asset;
    v_table name;
    v_check record;
BEGIN
    SELECT * INTO STRICT a FROM bursar.asset WHERE asset = p_asset;
    v_table := (SELECT relname FROM pg_class WHERE oid = a.store);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', a.store);
    EXECUTE format('ALTER TABLE %s
        ADD COLUMN IF NOT EXISTS bursar_held bigint NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS bursar_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS bursar_status bursar.wallet_status NOT NULL
            DEFAULT ''open''', a.store);
    FOR v_check IN
        SELECT * FROM (VALUES
            (v_table || '_' || a.balance_column || '_non_negative', '%1$I >= 0'),
            (v_table || '_bursar_held', 'bursar_held BETWEEN 0 AND %1$I')
        ) AS wanted (name, condition)
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = a.store AND conname = name)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)',
            a.store, v_check.name, format(v_check.condition, a.balance_column));
    END LOOP;
    PERFORM bursar.attach_guards(a.asset, a.store, a.owner_column, a.balance_column, '{}');
    -- Moving the sequence along with it makes this no raw write; the entry is recorded right here.
    EXECUTE format(
        'WITH opened AS (
            UPDATE %1$s SET bursar_seq = 1 WHERE %3$I <> 0 AND bursar_seq = 0
            RETURNING %2$I::text AS owner_id, %3$I AS balance)
        SELECT count(bursar.record_raw(%4$L, owner_id, balance, 1, balance, ''opening balance''))
        FROM opened', a.store, a.owner_column, a.balance_column, p_asset);
END
$$;

COMMENT ON FUNCTION bursar.guard_store(text) IS
    'Adds the kernel''s columns, checks and triggers to an asset''s store.';
REVOKE ALL ON FUNCTION bursar.guard_store(text) FROM PUBLIC, anon, authenticated;

-- Forgets an asset: its functions go; its store and its entries stay.
CREATE OR REPLACE FUNCTION bursar.forget_asset(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_suffix text;
    v_verb text;
BEGIN
    DELETE FROM bursar.asset WHERE asset IN (p_asset, p_asset || ':owed')
        AND NOT EXISTS (SELECT FROM bursar.wallet AS w WHERE w.asset = bursar.asset.asset);
    DROP VIEW IF EXISTS bursar.balance;
    FOREACH v_suffix IN ARRAY ARRAY[p_asset, p_asset || '_owed'] LOOP
        FOREACH v_verb IN ARRAY ARRAY['lock_', 'write_', 'open_', 'look_', 'pay_'] LOOP
            EXECUTE format('DROP ROUTINE IF EXISTS bursar.%I', v_verb || v_suffix);
        END LOOP;
    END LOOP;
    PERFORM bursar.build_stores();
END
$$;

COMMENT ON FUNCTION bursar.forget_asset(text) IS 'Forgets an asset; its store and entries stay.';
REVOKE ALL ON FUNCTION bursar.forget_asset(text) FROM PUBLIC, anon, authenticated;
