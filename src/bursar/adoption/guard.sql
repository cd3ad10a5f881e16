-- requires: ledger/register_asset.sql
-- requires: ledger/attach_guards.sql
-- The later steps of adopting a table, once every row is open: the checks, their validation beside
-- the traffic, and at last the ledger's own functions.

-- What must hold of every row: name and condition.
CREATE OR REPLACE FUNCTION bursar.adopted_checks(d bursar.adoption)
RETURNS TABLE (name text, condition text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT c.relname || v.suffix, format(v.condition, d.balance_column)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = d.balance_column
    CROSS JOIN LATERAL (VALUES
        ('_' || d.balance_column || '_non_negative', '%1$I >= 0'
            || CASE WHEN a.attnotnull THEN '' ELSE ' AND %1$I IS NOT NULL' END
            -- NaN is greater than every number.
            || CASE a.atttypid WHEN 'numeric'::regtype THEN ' AND %1$I <> ''NaN''' ELSE '' END),
        ('_bursar_held', 'bursar_held BETWEEN 0 AND %1$I'),
        ('_bursar_seq', 'bursar_seq >= 0'),
        ('_bursar_status', 'bursar_status IN (''open'', ''frozen'', ''closed'')')
    ) AS v (suffix, condition)
    WHERE c.oid = d.store
$$;

COMMENT ON FUNCTION bursar.adopted_checks(bursar.adoption) IS
    'The checks of an adopted table: names and conditions.';
REVOKE ALL ON FUNCTION bursar.adopted_checks(bursar.adoption) FROM PUBLIC, anon, authenticated;

-- Puts the checks on, not validated yet, and the guard that speaks before them. No row is read.
CREATE OR REPLACE FUNCTION bursar.guard_adopted(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_check record;
    v_own boolean;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset AND stage = 'opening'
    FOR UPDATE;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', d.store);
    v_own := NOT EXISTS (SELECT FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid
        WHERE c.conrelid = d.store
            AND c.conname = t.relname || '_' || d.balance_column || '_non_negative');
    FOR v_check IN
        SELECT k.* FROM bursar.adopted_checks(d) AS k WHERE NOT EXISTS (SELECT FROM pg_constraint
            WHERE conrelid = d.store AND conname = k.name)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s) NOT VALID',
            d.store, v_check.name, v_check.condition);
    END LOOP;
    PERFORM bursar.attach_guards(
        d.asset, d.store, d.owner_column, d.balance_column, d.writers);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN bursar_seq SET DEFAULT 0', d.store);
    UPDATE bursar.adoption SET stage = 'guarding', changed_at = bursar.clock(),
        made = made || jsonb_build_object('check', v_own)
    WHERE asset = p_asset;
END
$$;

COMMENT ON FUNCTION bursar.guard_adopted(text) IS
    'Puts the checks on a table whose rows are all open.';
REVOKE ALL ON FUNCTION bursar.guard_adopted(text) FROM PUBLIC, anon, authenticated;

-- Reads every row once to prove the checks; readers and writers go on meanwhile.
CREATE OR REPLACE FUNCTION bursar.validate_adopted(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_name name;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset AND stage = 'guarding';
    FOR v_name IN
        SELECT c.conname FROM pg_constraint AS c JOIN bursar.adopted_checks(d) AS k
            ON k.name = c.conname
        WHERE c.conrelid = d.store AND NOT c.convalidated
    LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', d.store, v_name);
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.validate_adopted(text) IS
    'Proves the checks of a table that is being adopted.';
REVOKE ALL ON FUNCTION bursar.validate_adopted(text) FROM PUBLIC, anon, authenticated;

-- The last step: the asset is there, and the ledger's functions with it.
CREATE OR REPLACE FUNCTION bursar.enter_adopted(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
BEGIN
    UPDATE bursar.adoption SET stage = 'adopted', changed_at = bursar.clock()
    WHERE asset = p_asset AND stage = 'guarding' RETURNING * INTO STRICT d;
    PERFORM bursar.enter_asset(
        d.asset, d.store, d.owner_column, d.balance_column, 'repay_first');
    PERFORM bursar.build_stores();
END
$$;

COMMENT ON FUNCTION bursar.enter_adopted(text) IS
    'Makes an adopted table the store of its asset.';
REVOKE ALL ON FUNCTION bursar.enter_adopted(text) FROM PUBLIC, anon, authenticated;

-- The guards of tables that are adopted follow the text of the files above.
DO $$
BEGIN
    PERFORM bursar.attach_guards(d.asset, d.store, d.owner_column, d.balance_column, d.writers)
    FROM bursar.adoption AS d WHERE d.stage = 'adopted';
END
$$;
