-- requires: ledger/register_asset.sql
-- requires: ledger/raw_write.sql
-- The first step of adopting a table: from here on every raw write of the balance is recorded. Held
-- for a moment is the table's lock; no row is read or written. Rows that are there get a sequence
-- of -1 by the new column's default, which costs nothing and says: the ledger has not opened this
-- one. Whoever comes first, a raw writer or the batches, opens it.
CREATE OR REPLACE FUNCTION bursar.begin_adoption(
    p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_negative text,
    p_missing text, p_writers text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_made jsonb;
    v_default boolean;
BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', p_store);
    SELECT NOT a.attnotnull AND NOT a.atthasdef AND p_missing = 'zero' INTO STRICT v_default
    FROM pg_attribute AS a WHERE a.attrelid = p_store AND a.attname = p_balance_column;
    v_made := bursar.allow_operators_to_read(p_store) || jsonb_build_object(
        'default', v_default,
        'trigger', (SELECT pg_get_triggerdef(oid) FROM pg_trigger
            WHERE tgrelid = p_store AND tgname = 'enforce_non_negative_balance'));

    -- The status is a text with a check and not of the kernel's domain: PostgreSQL writes a table
    -- anew for a column of a domain that has a check.
    EXECUTE format('ALTER TABLE %s
        ADD COLUMN bursar_held bigint NOT NULL DEFAULT 0,
        ADD COLUMN bursar_seq bigint NOT NULL DEFAULT -1,
        ADD COLUMN bursar_status text NOT NULL DEFAULT ''open''', p_store);
    IF v_default THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT 0', p_store, p_balance_column);
    END IF;
    PERFORM bursar.attach_guards(p_asset, p_store, p_owner_column, p_balance_column, p_writers);
    -- A row that is negative still may be changed in its other columns until it is opened.
    EXECUTE format('CREATE OR REPLACE TRIGGER enforce_non_negative_balance
        BEFORE INSERT OR UPDATE ON %1$s FOR EACH ROW WHEN (NEW.%2$I < 0 AND NEW.bursar_seq >= 0)
        EXECUTE FUNCTION public.prevent_negative_balance(%2$L)', p_store, p_balance_column);
    -- Debts that are found have to have an asset before the balances have theirs.
    INSERT INTO bursar.asset (asset) VALUES (p_asset || ':owed') ON CONFLICT DO NOTHING;
    INSERT INTO bursar.adoption AS d (asset, store, owner_column, balance_column, stage, negative,
        missing, writers, made, began_at, changed_at)
    VALUES (p_asset, p_store, p_owner_column, p_balance_column, 'opening', p_negative, p_missing,
        p_writers, v_made, bursar.clock(), bursar.clock())
    ON CONFLICT (asset) DO UPDATE SET store = EXCLUDED.store, owner_column = EXCLUDED.owner_column,
        balance_column = EXCLUDED.balance_column, stage = EXCLUDED.stage,
        negative = EXCLUDED.negative, missing = EXCLUDED.missing, writers = EXCLUDED.writers,
        made = EXCLUDED.made, reached = NULL, rows_done = 0, began_at = EXCLUDED.began_at,
        changed_at = EXCLUDED.changed_at
    WHERE d.stage = 'given back';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Asset % is being adopted already.', p_asset
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;

COMMENT ON FUNCTION bursar.begin_adoption(text, regclass, name, name, text, text, text[]) IS
    'Begins to adopt a table: its raw writes are recorded from now on.';
REVOKE ALL ON FUNCTION bursar.begin_adoption(text, regclass, name, name, text, text, text[])
    FROM PUBLIC, anon, authenticated;

-- The view of all wallets has its reader's rights, so operators and the service read every store.
-- Answers what was granted that was not before.
CREATE OR REPLACE FUNCTION bursar.allow_operators_to_read(p_store regclass) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_schema oid;
    v_role text;
    v_select text[] := '{}';
    v_usage text[] := '{}';
    v_policy boolean;
BEGIN
    SELECT relnamespace, relrowsecurity INTO STRICT v_schema, v_policy
    FROM pg_class WHERE oid = p_store;
    FOREACH v_role IN ARRAY ARRAY['service_role', 'bursar_operator'] LOOP
        IF NOT has_table_privilege(v_role, p_store, 'SELECT') THEN
            EXECUTE format('GRANT SELECT ON %s TO %I', p_store, v_role);
            v_select := v_select || v_role;
        END IF;
        IF NOT has_schema_privilege(v_role, v_schema, 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', v_schema::regnamespace, v_role);
            v_usage := v_usage || v_role;
        END IF;
    END LOOP;
    IF v_policy THEN
        EXECUTE format('CREATE POLICY bursar_operators_read ON %s FOR SELECT
            TO service_role, bursar_operator USING (true)', p_store);
    END IF;
    RETURN jsonb_build_object('select', v_select, 'usage', v_usage, 'policy', v_policy);
END
$$;

COMMENT ON FUNCTION bursar.allow_operators_to_read(regclass) IS
    'Lets operators and the service read a store; answers what was not allowed before.';
REVOKE ALL ON FUNCTION bursar.allow_operators_to_read(regclass) FROM PUBLIC, anon, authenticated;
