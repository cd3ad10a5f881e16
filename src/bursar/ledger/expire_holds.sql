-- requires: ledger/build_stores.sql
-- Expires lapsed holds. A debit does it for the wallets it has locked; the sweeper does it for
-- wallets that nobody debits. Either way the wallet is locked first, then its holds, in order of
-- their ids.

-- For wallets that are locked already: answers their states as they are after.
CREATE OR REPLACE FUNCTION bursar.expire_lapsed(p_states bursar.wallet_state[])
RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_states bursar.wallet_state[] := p_states;
    v_hold record;
    v_left bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(p_states) AS s WHERE s.held > 0) THEN
        RETURN p_states;
    END IF;
    FOR v_hold IN
        SELECT h.*, s.i AS place
        FROM unnest(p_states) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
        JOIN bursar.hold AS h ON h.owner_id = s.owner_id AND h.asset = s.asset
        WHERE s.held > 0 AND s.status <> 'busy' AND h.status = 'open' AND h.expires_at <= v_now
        ORDER BY h.id
        FOR NO KEY UPDATE OF h
    LOOP
        v_left := v_hold.amount - v_hold.captured - v_hold.released;
        UPDATE bursar.hold SET expired = v_left, status = 'expired', ended_at = v_now
        WHERE id = v_hold.id;
        INSERT INTO bursar.transaction (
            verb, asset, owner_id, amount, reason, actor, hold_id, created_at)
        VALUES ('expire', v_hold.asset, v_hold.owner_id, v_left, 'hold lapsed', 'system',
            v_hold.id, v_now);
        v_states[v_hold.place].held := v_states[v_hold.place].held - v_left;
    END LOOP;
    IF v_states IS DISTINCT FROM p_states THEN
        PERFORM bursar.write_wallets((
            SELECT array_agg(s) FROM unnest(v_states) AS s
            WHERE s.status NOT IN ('busy', 'missing')));
    END IF;
    RETURN v_states;
END
$$;

COMMENT ON FUNCTION bursar.expire_lapsed(bursar.wallet_state[]) IS
    'Expires the lapsed holds of locked wallets and answers the wallets'' new states.';
REVOKE ALL ON FUNCTION bursar.expire_lapsed(bursar.wallet_state[]) FROM PUBLIC, anon, authenticated;

-- The sweeper: up to `p_limit` lapsed holds, oldest first; wallets that are busy are left for the
-- next time. Answers how many holds it expired.
CREATE OR REPLACE FUNCTION bursar.expire_holds(p_limit integer DEFAULT 500) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_assets text[];
    v_owner_ids text[];
    v_before bigint[];
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 0;
    END IF;
    SELECT array_agg(h.asset), array_agg(h.owner_id), array_agg(h.id)
    INTO v_assets, v_owner_ids, v_before
    FROM (SELECT asset, owner_id, id FROM bursar.hold
        WHERE status = 'open' AND expires_at <= bursar.clock()
        ORDER BY expires_at LIMIT p_limit) AS h;
    IF v_assets IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM bursar.lock_wallets(v_assets, v_owner_ids, false);
    RETURN (SELECT count(*) FROM bursar.hold WHERE id = ANY (v_before) AND status = 'expired');
END
$$;

COMMENT ON FUNCTION bursar.expire_holds(integer) IS 'Expires lapsed holds; answers how many.';
REVOKE ALL ON FUNCTION bursar.expire_holds(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.expire_holds(integer) TO service_role, bursar_service;
