-- requires: ledger/raw_write.sql
-- The triggers on an asset's store. They fire in the order of their names: first who may write,
-- then the readable refusal of a negative balance, last the record, after every trigger of the app
-- itself. `p_writers` are roles of the app whose raw writes are recorded like a service's.
CREATE OR REPLACE FUNCTION bursar.attach_guards(
    p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_writers text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_arguments CONSTANT text := format('%L, %L, %L', p_asset, p_owner_column, p_balance_column);
    v_writers CONSTANT text := coalesce(
        (SELECT string_agg(quote_literal(w), ', ' ORDER BY w) FROM unnest(p_writers) AS w), '');
    v_stranger text;
    v_template text;
BEGIN
    -- The kernel writes as the role that owns its functions; everybody else is asked who they are.
    -- A WHEN clause is read anew for every statement, so it is short. A constant name would be
    -- written in it with all its 64 bytes.
    v_stranger := format('current_user <> %L::text', current_user);

    FOREACH v_template IN ARRAY ARRAY[
        'CREATE OR REPLACE TRIGGER a_bursar_writers_insert BEFORE INSERT ON %1$s FOR EACH ROW
            WHEN (NEW.%2$I <> 0 AND %4$s) EXECUTE FUNCTION bursar.refuse_raw_write(%6$s)',
        'CREATE OR REPLACE TRIGGER a_bursar_writers_update BEFORE UPDATE
            OF %2$I, %5$I, bursar_held, bursar_seq, bursar_status ON %1$s FOR EACH STATEMENT
            WHEN (%4$s) EXECUTE FUNCTION bursar.refuse_raw_write(%6$s)',
        'CREATE OR REPLACE TRIGGER a_bursar_writers_delete BEFORE DELETE ON %1$s FOR EACH ROW
            WHEN (OLD.%2$I <> 0 AND %4$s) EXECUTE FUNCTION bursar.refuse_raw_write(%6$s)',
        'CREATE OR REPLACE TRIGGER enforce_non_negative_balance
            BEFORE INSERT OR UPDATE ON %1$s FOR EACH ROW
            WHEN (NEW.%2$I < 0) EXECUTE FUNCTION public.prevent_negative_balance(%2$L)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_insert BEFORE INSERT ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_inserted AFTER INSERT ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_insert(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_update BEFORE UPDATE ON %1$s FOR EACH ROW
            WHEN (NEW.bursar_seq = OLD.bursar_seq AND NEW.%2$I IS DISTINCT FROM OLD.%2$I)
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_update_owner BEFORE UPDATE OF %5$I ON %1$s
            FOR EACH ROW WHEN (NEW.%5$I IS DISTINCT FROM OLD.%5$I)
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_delete BEFORE DELETE ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_truncate BEFORE TRUNCATE ON %1$s FOR EACH STATEMENT
            EXECUTE FUNCTION bursar.refuse_truncate()']
    LOOP
        EXECUTE format(
            v_template, p_store, p_balance_column, v_arguments, v_stranger, p_owner_column,
            v_writers);
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.attach_guards(text, regclass, name, name, text[]) IS
    'Puts the ledger''s triggers on an asset''s store.';
REVOKE ALL ON FUNCTION bursar.attach_guards(text, regclass, name, name, text[])
    FROM PUBLIC, anon, authenticated;

-- The ledger's own wallets, whose rows name their asset.
SELECT bursar.attach_guards('', 'bursar.wallet', 'owner_id', 'balance', '{}');
