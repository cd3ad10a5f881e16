-- requires: ledger/done.sql
-- requires: ledger/refused.sql
-- requires: claims/streak_shield.sql
-- Records what claims came to, and answers their outcomes: what was granted, boosters that run on,
-- purchases that stay claimable because a cap was reached, claims that wait.
CREATE OR REPLACE FUNCTION bursar.record_claims(
    p_claims bursar.claim_request[], p_verdicts bursar.claim_verdict[], p_queued text[],
    p_wallets bursar.wallet_state[], p_granted integer[], p_posted bursar.posted,
    p_from_queue boolean[]
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'claim_purchase';
    v_codes text[];
    v_done integer[];
    v_written bigint;
    v_outcomes json[];
BEGIN
    -- What refuses after all: the user's lock was not had; a wallet, of an item by the ledger's
    -- word, of a booster by its state.
    SELECT array_agg(coalesce(v.refusal, o.outcome ->> 'code', CASE
            WHEN v.known IS NOT NULL OR p_queued[v.n] IS NOT NULL THEN NULL
            WHEN s.status = 'busy' THEN 'BUSY'
            WHEN s.status = 'closed' AND v.kind = 'booster' THEN 'WALLET_CLOSED' END)
            ORDER BY v.n)
    INTO v_codes
    FROM unnest(p_claims) AS q
    JOIN unnest(p_verdicts) AS v ON v.n = q.n
    LEFT JOIN unnest(p_wallets) AS s ON s.owner_id = q.user_id AND s.asset = 'streak_shield'
    LEFT JOIN unnest(p_granted) WITH ORDINALITY AS g (n, i) ON g.n = v.n
    CROSS JOIN LATERAL (SELECT p_posted.outcomes[g.i] AS outcome) AS o;
    v_done := ARRAY(SELECT v.n FROM unnest(p_verdicts) AS v
        WHERE v_codes[v.n] IS NULL AND v.known IS NULL AND p_queued[v.n] IS NULL ORDER BY v.n);

    IF cardinality(v_done) > 0 THEN
        PERFORM bursar.write_boosters(ARRAY(
            SELECT ROW(q.user_id, v.booster_seq + 1, v.until_before, v.until_after, 'claim',
                v.tx_id, q.actor, v.judged_at)::public.booster_changes
            FROM unnest(p_verdicts) AS v JOIN unnest(p_claims) AS q ON q.n = v.n
            WHERE v.n = ANY (v_done) AND v.kind = 'booster'));
    END IF;
    SELECT array_agg(CASE
            WHEN v.known IS NOT NULL THEN bursar.replayed(v.known)
            WHEN p_queued[v.n] IS NOT NULL THEN json_build_object('status', 'done', 'verb', v_verb,
                'tx_id', q.tx_id, 'sku', q.sku, 'user_id', q.user_id, 'queued', p_queued[v.n],
                'replayed', false)
            WHEN v_codes[v.n] IS NOT NULL THEN bursar.refused(v_verb, v_codes[v.n], v.details)
            ELSE json_build_object('status', 'done', 'verb', v_verb, 'tx_id', v.tx_id,
                'sku', q.sku, 'user_id', q.user_id, 'claimed_at', v.judged_at, 'amount', v.amount,
                'transaction_id', p_posted.transaction_ids[g.i],
                'wallet', json_build_object('user_id', w.user_id,
                    'streakshield_count', w.streakshield_count,
                    'xp_booster_until', w.xp_booster_until, 'updated_at', w.updated_at),
                'replayed', false) END ORDER BY q.n)
    INTO v_outcomes
    FROM unnest(p_claims) AS q
    JOIN unnest(p_verdicts) AS v ON v.n = q.n
    LEFT JOIN unnest(p_granted) WITH ORDINALITY AS g (n, i) ON g.n = v.n
    LEFT JOIN LATERAL (SELECT * FROM public.user_wallet_balances AS t
        WHERE t.user_id = q.user_id LIMIT 1) AS w ON true;

    IF cardinality(v_done) > 0 THEN
        INSERT INTO public.purchase_claims (tx_id, user_id, sku, claimed_at, status, amount,
            is_override, transaction_id, actor, reason, outcome)
        SELECT v.tx_id, q.user_id, q.sku, v.judged_at, 'granted', v.amount,
            q.override_reason IS NOT NULL, (v_outcomes[v.n] ->> 'transaction_id')::bigint, q.actor,
            q.override_reason, v_outcomes[v.n]
        FROM unnest(p_verdicts) AS v JOIN unnest(p_claims) AS q ON q.n = v.n
        WHERE v.n = ANY (v_done)
        ORDER BY v.tx_id
        ON CONFLICT (tx_id) DO NOTHING;
        GET DIAGNOSTICS v_written = ROW_COUNT;
        IF v_written < cardinality(v_done) THEN
            -- Plain SQL recorded the claim meanwhile.
            RAISE EXCEPTION 'A purchase was claimed meanwhile.' USING ERRCODE = 'UBX02';
        END IF;
        DELETE FROM public.claims_over_cap WHERE tx_id = ANY (ARRAY(
            SELECT v.tx_id FROM unnest(p_verdicts) AS v WHERE v.n = ANY (v_done)));
    END IF;
    PERFORM bursar.keep_waiting_claims(
        p_claims, p_verdicts, p_queued, v_codes, v_outcomes, p_from_queue);
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.record_claims(
    bursar.claim_request[], bursar.claim_verdict[], text[], bursar.wallet_state[], integer[],
    bursar.posted, boolean[]
) IS 'Records what claims came to, and answers their outcomes.';
REVOKE ALL ON FUNCTION bursar.record_claims(
    bursar.claim_request[], bursar.claim_verdict[], text[], bursar.wallet_state[], integer[],
    bursar.posted, boolean[]
) FROM PUBLIC, anon, authenticated;

-- Boosters of locked wallets: the new end, and the record of the change.
CREATE OR REPLACE FUNCTION bursar.write_boosters(p_changes public.booster_changes[])
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF cardinality(p_changes) = 0 THEN
        RETURN false;
    END IF;
    UPDATE public.user_wallet_balances AS w
    SET xp_booster_until = c.until_after, booster_seq = c.seq
    FROM unnest(p_changes) AS c
    -- By a plan made while the table had one row, it would be read whole for each change.
    CROSS JOIN LATERAL (SELECT t.ctid AS at FROM public.user_wallet_balances AS t
        WHERE t.user_id = c.user_id LIMIT 1) AS o
    WHERE w.ctid = o.at AND w.user_id = c.user_id;
    INSERT INTO public.booster_changes SELECT * FROM unnest(p_changes);
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.write_boosters(public.booster_changes[]) IS
    'Writes boosters of locked wallets, and the record of the change.';
REVOKE ALL ON FUNCTION bursar.write_boosters(public.booster_changes[])
    FROM PUBLIC, anon, authenticated;

-- A paid purchase over its cap is never lost, and neither is a claim that was accepted.
CREATE OR REPLACE FUNCTION bursar.keep_waiting_claims(
    p_claims bursar.claim_request[], p_verdicts bursar.claim_verdict[], p_queued text[],
    p_codes text[], p_outcomes json[], p_from_queue boolean[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    -- What an operator or the user can change. Who was accepted before is not refused for it.
    v_for_now CONSTANT text[] := '{SKU_DISABLED, WALLET_CLOSED, BALANCE_LIMIT}';
BEGIN
    IF 'CAP_EXCEEDED' = ANY (p_codes) THEN
        INSERT INTO public.claims_over_cap AS c (
            tx_id, user_id, sku, cap, first_at, last_at, frees_up_at)
        SELECT v.tx_id, q.user_id, q.sku, v.details ->> 'cap', v_now, v_now,
            (v.details ->> 'frees_up_at')::timestamptz
        FROM unnest(p_verdicts) AS v JOIN unnest(p_claims) AS q ON q.n = v.n
        WHERE p_codes[v.n] = 'CAP_EXCEEDED' AND p_queued[v.n] IS NULL
        ORDER BY v.tx_id
        ON CONFLICT (tx_id) DO UPDATE SET user_id = excluded.user_id, cap = excluded.cap,
            times = c.times + 1, last_at = excluded.last_at, frees_up_at = excluded.frees_up_at;
    END IF;
    IF array_remove(p_queued, NULL) <> '{}' THEN
        INSERT INTO public.claim_queue (
            user_id, sku, tx_id, store, environment, waits_for, actor, received_at)
        SELECT q.user_id, q.sku, q.tx_id, q.store, q.environment, p_queued[q.n], q.actor, v_now
        FROM unnest(p_claims) AS q
        WHERE p_queued[q.n] IS NOT NULL
        ORDER BY q.user_id, q.tx_id
        ON CONFLICT (user_id, tx_id, store, environment) DO UPDATE
        SET waits_for = excluded.waits_for, status = 'waiting', sku = excluded.sku;
    END IF;
    -- A claim that had waited and has its answer now waits no more; one that cannot be granted for
    -- now is set aside. What is wrong with a request that comes from elsewhere says nothing about
    -- it, and neither does what stands in the way for now.
    UPDATE public.claim_queue AS k SET
        status = CASE WHEN p_codes[q.n] = ANY (v_for_now) THEN 'set_aside' ELSE 'done' END,
        outcome = p_outcomes[q.n], handled_at = v_now, attempts = k.attempts + 1
    FROM unnest(p_claims) AS q
    -- By a plan made while the queue was short, it would be read whole for each claim.
    CROSS JOIN LATERAL (SELECT t.ctid AS at, t.status, t.store, t.environment
        FROM public.claim_queue AS t
        WHERE t.user_id = q.user_id AND t.tx_id = q.tx_id OFFSET 0) AS o
    WHERE k.ctid = o.at AND o.status = 'waiting'
        AND (o.store, o.environment) IS NOT DISTINCT FROM (q.store, q.environment)
        AND p_queued[q.n] IS NULL AND p_codes[q.n] IS DISTINCT FROM 'BUSY'
        AND (p_from_queue[q.n]
            OR q.refusal IS NULL AND (p_codes[q.n] = ANY (v_for_now)) IS NOT TRUE);
END
$$;

COMMENT ON FUNCTION bursar.keep_waiting_claims(
    bursar.claim_request[], bursar.claim_verdict[], text[], text[], json[], boolean[]
) IS 'Keeps claims that could not be carried out yet.';
REVOKE ALL ON FUNCTION bursar.keep_waiting_claims(
    bursar.claim_request[], bursar.claim_verdict[], text[], text[], json[], boolean[]
) FROM PUBLIC, anon, authenticated;
