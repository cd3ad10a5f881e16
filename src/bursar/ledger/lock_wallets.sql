-- requires: ledger/build_stores.sql
-- requires: ledger/expire_holds.sql
-- Locks the wallets of one asset, each once, sorted by owner, payers and payees together, and
-- answers their states in that order. System wallets have no row and are left out.
CREATE OR REPLACE FUNCTION bursar.lock_owners(
    p_asset text, p_owner_ids text[], p_wait boolean
) RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.lock_asset(p_asset, ARRAY(
        SELECT DISTINCT t.owner_id COLLATE "C" FROM unnest(p_owner_ids) AS t (owner_id)
        WHERE NOT starts_with(t.owner_id, 'system:') ORDER BY 1), p_wait);
END
$$;

COMMENT ON FUNCTION bursar.lock_owners(text, text[], boolean) IS
    'Locks wallets of one asset, sorted, and answers their states.';
REVOKE ALL ON FUNCTION bursar.lock_owners(text, text[], boolean) FROM PUBLIC, anon, authenticated;

-- The same, with lapsed holds of the locked wallets expired, so that what they set aside counts as
-- available.
CREATE OR REPLACE FUNCTION bursar.lock_wallets_of(
    p_asset text, p_owner_ids text[], p_wait boolean
) RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.expire_lapsed(bursar.lock_owners(p_asset, p_owner_ids, p_wait));
END
$$;

COMMENT ON FUNCTION bursar.lock_wallets_of(text, text[], boolean) IS
    'Locks wallets of one asset in the one lock order and answers their states.';
REVOKE ALL ON FUNCTION bursar.lock_wallets_of(text, text[], boolean)
    FROM PUBLIC, anon, authenticated;

-- The same for wallets of several assets, one asset after the other. No hold is locked before the
-- last wallet is.
CREATE OR REPLACE FUNCTION bursar.lock_wallets(
    p_assets text[], p_owner_ids text[], p_wait boolean
) RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_states bursar.wallet_state[];
    v_asset text;
BEGIN
    FOREACH v_asset IN ARRAY ARRAY(
        SELECT DISTINCT t.asset COLLATE "C" FROM unnest(p_assets) AS t (asset) ORDER BY 1)
    LOOP
        v_states := v_states || bursar.lock_owners(v_asset, ARRAY(
            SELECT t.owner_id FROM unnest(p_assets, p_owner_ids) AS t (asset, owner_id)
            WHERE t.asset = v_asset), p_wait);
    END LOOP;
    RETURN bursar.expire_lapsed(v_states);
END
$$;

COMMENT ON FUNCTION bursar.lock_wallets(text[], text[], boolean) IS
    'Locks wallets in the one lock order and answers their states.';
REVOKE ALL ON FUNCTION bursar.lock_wallets(text[], text[], boolean)
    FROM PUBLIC, anon, authenticated;

-- Writes wallets, each to its asset's store.
CREATE OR REPLACE FUNCTION bursar.write_wallets(p_states bursar.wallet_state[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_asset text;
    v_written boolean;
BEGIN
    FOREACH v_asset IN ARRAY ARRAY(SELECT DISTINCT s.asset FROM unnest(p_states) AS s ORDER BY 1)
    LOOP
        -- An assignment is evaluated in place; PERFORM would be a statement more.
        v_written := bursar.write_asset(v_asset, p_states);
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.write_wallets(bursar.wallet_state[]) IS
    'Writes the states of locked wallets to where they live.';
REVOKE ALL ON FUNCTION bursar.write_wallets(bursar.wallet_state[]) FROM PUBLIC, anon, authenticated;
