-- requires: ledger/post.sql
-- requires: claims/record_claims.sql
-- Brings a claim to where its purchase is, under the locks of both: what was refunded is taken
-- back, and what the store gave back again is granted again. An item that was used meanwhile
-- becomes debt, which later credits repay first. Called again it changes nothing.
CREATE OR REPLACE FUNCTION bursar.settle_claim(p_tx_id text, p_actor text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_refunded CONSTANT boolean := (SELECT is_refunded FROM public.audit_purchases
        WHERE tx_id = p_tx_id);
    c public.purchase_claims;
    s public.skus;
    v_sign bigint;
    v_verb text;
    v_posted bursar.posted;
BEGIN
    SELECT * INTO c FROM public.purchase_claims WHERE tx_id = p_tx_id FOR NO KEY UPDATE;
    IF c.tx_id IS NULL OR v_refunded = (c.status = 'refunded') THEN
        RETURN false;
    END IF;
    SELECT * INTO s FROM public.skus WHERE sku = c.sku;
    v_sign := CASE WHEN v_refunded THEN -1 ELSE 1 END;
    v_verb := CASE WHEN v_refunded THEN 'refund_claim' ELSE 'regrant_claim' END;
    UPDATE public.purchase_claims SET status = CASE WHEN v_refunded THEN 'refunded'
        WHEN c.outcome IS NULL THEN 'recorded' ELSE 'granted' END
    WHERE tx_id = p_tx_id;
    IF s.kind = 'booster' THEN
        PERFORM bursar.restate_booster(c.user_id,
            CASE WHEN v_refunded THEN 'refund' ELSE 'refund_reversed' END, p_tx_id, p_actor);
    ELSIF s.kind = 'item' THEN
        v_posted := bursar.post(
            bursar.lock_wallets_of(s.asset, ARRAY[c.user_id], true),
            ARRAY[ROW(1, 2, v_verb, s.asset, c.user_id, c.amount, c.tx_id || ' ' || c.sku, p_actor,
                c.transaction_id, NULL, NULL, NULL, NULL,
                CASE WHEN v_refunded THEN 'debt' ELSE 'refuse' END,
                NULL, NULL, NULL, NULL)::bursar.request],
            ARRAY[
                ROW(1, s.asset, c.user_id, v_sign * c.amount, 0, 'refund'),
                ROW(1, s.asset, 'system:external', -v_sign * c.amount, 0, 'refund')
            ]::bursar.leg[]);
        IF v_posted.outcomes[1] ->> 'status' <> 'done' THEN
            RAISE EXCEPTION 'A claim could not be settled: %', v_posted.outcomes[1];
        END IF;
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.settle_claim(text, text) IS
    'Brings a claim to where its purchase is: taken back, or granted again.';
REVOKE ALL ON FUNCTION bursar.settle_claim(text, text) FROM PUBLIC, anon, authenticated;

-- A booster's end, as the claims that stand make it: they are gone through in the order in which
-- they were made, each by the rule of its SKU, from the last time that plain SQL set the end.
CREATE OR REPLACE FUNCTION bursar.restate_booster(
    p_user_id text, p_cause text, p_tx_id text, p_actor text
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    w public.user_wallet_balances;
    v_set public.booster_changes;
    v_until timestamptz;
    v_claim record;
BEGIN
    SELECT * INTO w FROM public.user_wallet_balances WHERE user_id = p_user_id;
    IF NOT FOUND THEN
        RETURN false;  -- Plain SQL has deleted it, and the booster with it.
    END IF;
    SELECT * INTO v_set FROM public.booster_changes
    WHERE user_id = p_user_id AND cause = 'sql' ORDER BY seq DESC LIMIT 1;
    v_until := v_set.until_after;
    FOR v_claim IN
        SELECT c.claimed_at, s.stacking, make_interval(secs => s.duration_seconds) AS lasts
        FROM (SELECT * FROM public.booster_changes
            WHERE user_id = p_user_id AND seq > coalesce(v_set.seq, 0) OFFSET 0) AS b
        CROSS JOIN LATERAL (SELECT * FROM public.purchase_claims AS t
            WHERE t.tx_id = b.tx_id LIMIT 1) AS c
        CROSS JOIN LATERAL (SELECT * FROM public.skus AS t WHERE t.sku = c.sku LIMIT 1) AS s
        WHERE b.cause = 'claim' AND c.status <> 'refunded' AND c.user_id = p_user_id
            AND s.kind = 'booster'
        ORDER BY b.seq
    LOOP
        v_until := CASE v_claim.stacking
            WHEN 'extend' THEN greatest(v_until, v_claim.claimed_at) + v_claim.lasts
            ELSE greatest(v_until, v_claim.claimed_at + v_claim.lasts) END;
    END LOOP;
    IF v_until IS NOT DISTINCT FROM w.xp_booster_until THEN
        RETURN false;
    END IF;
    RETURN bursar.write_boosters(ARRAY[ROW(p_user_id, w.booster_seq + 1, w.xp_booster_until,
        v_until, p_cause, p_tx_id, p_actor, bursar.clock())::public.booster_changes]);
END
$$;

COMMENT ON FUNCTION bursar.restate_booster(text, text, text, text) IS
    'Writes a booster''s end as the claims that stand make it.';
REVOKE ALL ON FUNCTION bursar.restate_booster(text, text, text, text)
    FROM PUBLIC, anon, authenticated;
