-- requires: ledger/build_stores.sql
-- Opens wallets that do not exist, in lock order. `p_wallets` is a JSON array of {asset, owner_id}.
CREATE OR REPLACE FUNCTION bursar.open_wallets(p_wallets jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v record;
BEGIN
    FOR v IN
        SELECT w.asset, array_agg(DISTINCT w.owner_id) AS owner_ids
        FROM jsonb_to_recordset(p_wallets) AS w (asset text, owner_id text)
        GROUP BY w.asset ORDER BY w.asset COLLATE "C"
    LOOP
        PERFORM bursar.open_asset(v.asset, v.owner_ids);
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.open_wallets(jsonb) IS 'Opens missing wallets, in lock order.';
REVOKE ALL ON FUNCTION bursar.open_wallets(jsonb) FROM PUBLIC, anon, authenticated;
