-- requires: ledger/build_stores.sql
-- What one wallet holds now: balance, held, available, owed, status. NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_asset bursar.asset;
    v_wallet bursar.wallet_state;
BEGIN
    SELECT * INTO v_asset FROM bursar.asset WHERE asset = p_asset AND asset NOT LIKE '%:owed';
    IF NOT FOUND OR NOT bursar.is_owner(p_owner_id, v_asset.owner_type) THEN
        RETURN NULL;
    END IF;
    v_wallet := bursar.look_asset(p_asset, p_owner_id);
    IF v_wallet.owner_id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('owner_id', v_wallet.owner_id, 'asset', p_asset,
        'balance', v_wallet.balance, 'held', v_wallet.held,
        'available', v_wallet.balance - v_wallet.held,
        'owed', coalesce((SELECT balance FROM bursar.wallet
            WHERE asset = p_asset || ':owed' AND owner_id = v_wallet.owner_id), 0),
        'status', v_wallet.status, 'seq', v_wallet.seq);
END
$$;

COMMENT ON FUNCTION bursar.read_wallet(text, text) IS 'What one wallet holds now.';
REVOKE ALL ON FUNCTION bursar.read_wallet(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_wallet(text, text)
    TO service_role, bursar_service, bursar_operator;
