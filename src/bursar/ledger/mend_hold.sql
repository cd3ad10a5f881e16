-- requires: ledger/lock_wallets.sql
-- requires: ledger/gate.sql
-- Brings a hold to what its transactions say: its amount, what was captured, released and expired,
-- and how it ended. A final capture released the rest without a transaction of its own. What has
-- ended is set aside again only where the wallet still holds it; else its last transaction may be
-- the one that is missing. Answers as `mend_wallet` does.
CREATE OR REPLACE FUNCTION bursar.mend_hold(p_hold_id bigint, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    h bursar.hold;
    t bursar.transaction;
    v_wallet bursar.wallet_state;
    v_captured bigint;
    v_released bigint;
    v_expired bigint;
    v_last text;
    v_ended_at timestamptz;
    v_status text;
    v_others bigint;
    v_before jsonb;
    v_why text;
BEGIN
    SELECT * INTO h FROM bursar.hold WHERE id = p_hold_id;
    SELECT * INTO t FROM bursar.transaction WHERE id = h.transaction_id AND hold_id = h.id;
    IF h.id IS NULL OR t.id IS NULL OR (t.owner_id, t.asset) <> (h.owner_id, h.asset) THEN
        RETURN jsonb_build_object('status', 'refused', 'before', to_jsonb(h), 'why',
            CASE WHEN h.id IS NULL THEN 'the hold is not there'
                ELSE 'no transaction says that it was held' END);
    END IF;
    v_wallet := (bursar.lock_owners(h.asset, ARRAY[h.owner_id], true))[1];
    SELECT * INTO h FROM bursar.hold WHERE id = p_hold_id FOR NO KEY UPDATE;
    v_before := to_jsonb(h);
    SELECT coalesce(sum(o.taken) FILTER (WHERE o.verb = 'capture'), 0),
        coalesce(sum(o.amount) FILTER (WHERE o.verb = 'release'), 0),
        coalesce(sum(o.amount) FILTER (WHERE o.verb = 'expire'), 0),
        (array_agg(o.verb ORDER BY o.id DESC))[1], max(o.created_at)
    INTO v_captured, v_released, v_expired, v_last, v_ended_at
    FROM (SELECT x.id, x.verb, x.amount, x.created_at, (SELECT -sum(e.amount)
            FROM bursar.entry AS e WHERE e.transaction_id = x.id AND e.owner_id = x.owner_id
                AND e.asset = x.asset AND e.bucket = 'used') AS taken
        FROM bursar.transaction AS x
        WHERE x.hold_id = p_hold_id AND x.verb IN ('capture', 'release', 'expire')) AS o;
    IF h.status = 'captured' AND v_last = 'capture' THEN
        v_released := greatest(v_released, t.amount - v_captured - v_expired);
    END IF;
    v_status := CASE WHEN v_captured + v_released + v_expired < t.amount THEN 'open'
        WHEN v_expired > 0 THEN 'expired'
        WHEN v_last = 'capture' THEN 'captured' ELSE 'released' END;
    v_others := (SELECT coalesce(sum(o.amount - o.captured - o.released - o.expired), 0)
        FROM bursar.hold AS o WHERE o.owner_id = h.owner_id AND o.asset = h.asset
            AND o.status = 'open' AND o.id <> h.id);
    v_why := CASE WHEN v_captured + v_released + v_expired > t.amount
            THEN 'its transactions took more than it had'
        WHEN v_status = 'open' AND h.status <> 'open' AND v_wallet.held
            <> v_others + t.amount - v_captured - v_released - v_expired
            THEN 'it has ended, and the transaction that ended it is not there' END;
    IF v_why IS NOT NULL THEN
        RETURN jsonb_build_object('status', 'refused', 'why', v_why, 'before', v_before);
    END IF;
    UPDATE bursar.hold SET amount = t.amount, captured = v_captured, released = v_released,
        expired = v_expired, status = v_status,
        ended_at = CASE WHEN v_status <> 'open' THEN coalesce(ended_at, v_ended_at) END
    WHERE id = p_hold_id
    RETURNING * INTO h;
    RETURN jsonb_build_object(
        'status', CASE WHEN to_jsonb(h) = v_before THEN 'unchanged' ELSE 'done' END,
        'before', v_before, 'after', to_jsonb(h), 'transactions', '[]'::jsonb);
END
$$;

COMMENT ON FUNCTION bursar.mend_hold(bigint, text, text) IS
    'Brings a hold to what its transactions say.';
REVOKE ALL ON FUNCTION bursar.mend_hold(bigint, text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_hold(bigint, text, text) TO bursar_operator;
