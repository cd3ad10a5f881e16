-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: ledger/count_before_repeat.sql
-- requires: claims/judge_claims.sql
-- requires: claims/lock_claims.sql
-- requires: claims/claims_mode.sql
-- requires: claims/record_claims.sql
-- claim_purchase: a user claims what they bought in a store. Claim and grant are one transaction.
-- The same claim by the same user again answers the first outcome.
--
-- Fields: user_id, sku, tx_id, [store], [environment], [override_reason], caller {role, sub},
-- [queued: of a claim that was queued here], [accepted: of one that was accepted while the database
-- was away], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, TRANSACTION_OWNED_BY_OTHER,
-- TRANSACTION_REFUNDED, SKU_DISABLED, UNKNOWN_TRANSACTION, BOOSTER_ACTIVE, CAP_EXCEEDED, BUSY,
-- WALLET_CLOSED, BALANCE_LIMIT; that something else was bought is MALFORMED too, told after
-- UNKNOWN_TRANSACTION. A claim that cannot be carried out yet may be accepted instead: its
-- outcome is done, with `queued` saying what it waits for: opening, or purchase.
-- Locks: the transactions by name; the users' wallets, which carry shields and boosters, and those
-- of other items; then the purchases, sorted. Caps are counted under the user's lock.
CREATE OR REPLACE FUNCTION bursar.claim_purchase_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'claim_purchase';
    v_in bursar.claim_request[] := bursar.read_claims(p_requests);
    v_names text[];
    v_wallets bursar.wallet_state[];
    v_verdicts bursar.claim_verdict[];
    v_queued text[];
    v_requests bursar.request[];
    v_legs bursar.leg[];
    v_granted integer[];
    v_posted bursar.posted;
BEGIN
    v_names := ARRAY(SELECT q.tx_id FROM unnest(v_in) AS q ORDER BY q.n);
    v_in := bursar.claims_but_busy(v_in, v_names, bursar.lock_transactions(ARRAY(
        SELECT q.tx_id FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait));
    v_wallets := bursar.lock_claimers(v_in, p_wait);
    IF cardinality(v_in) > 1 THEN
        v_in := v_in[:(SELECT least(
            bursar.count_before_repeat(array_agg(q.user_id ORDER BY q.n)),
            bursar.count_before_repeat(array_agg(q.tx_id ORDER BY q.n))) FROM unnest(v_in) AS q)];
    END IF;
    v_names := ARRAY(SELECT CASE WHEN q.refusal IS NULL
        THEN (bursar.claimed_purchase(q)).tx_id END FROM unnest(v_in) AS q ORDER BY q.n);
    -- One purchase may be called by two names.
    v_in := v_in[:bursar.count_before_repeat(v_names)];
    v_in := bursar.claims_but_busy(v_in, v_names, bursar.lock_purchases(v_names, p_wait));
    v_verdicts := bursar.judge_claims(v_in);
    v_queued := bursar.what_claims_wait_for(v_in, v_verdicts, p_requests);

    -- Items move in the ledger; a booster moves nothing there. What is left has an answer already,
    -- or its user's lock was not had.
    v_granted := ARRAY(SELECT v.n FROM unnest(v_verdicts) AS v JOIN unnest(v_in) AS q ON q.n = v.n
        WHERE v.kind = 'item' AND v.refusal IS NULL AND v.known IS NULL AND v_queued[v.n] IS NULL
            AND NOT EXISTS (SELECT FROM unnest(v_wallets) AS s WHERE s.owner_id = q.user_id
                AND s.asset = 'streak_shield' AND s.status = 'busy')
        ORDER BY v.n);
    IF cardinality(v_granted) > 0 THEN
        SELECT array_agg(ROW(g.i, 2, v_verb, v.asset, q.user_id, v.amount, v.tx_id || ' ' || q.sku,
                q.actor, NULL, NULL, NULL, NULL, NULL, 'refuse', NULL, NULL, NULL, NULL
                )::bursar.request ORDER BY g.i),
            array_agg(ARRAY[
                ROW(g.i, v.asset, 'system:external', -v.amount, 0, 'purchased'),
                ROW(g.i, v.asset, q.user_id, v.amount, 0, 'purchased')]::bursar.leg[] ORDER BY g.i)
        INTO v_requests, v_legs
        FROM unnest(v_granted) WITH ORDINALITY AS g (n, i)
        JOIN unnest(v_in) AS q ON q.n = g.n
        JOIN unnest(v_verdicts) AS v ON v.n = g.n;
        v_posted := bursar.post(v_wallets, v_requests, v_legs);
    END IF;
    RETURN bursar.record_claims(v_in, v_verdicts, v_queued, v_wallets, v_granted, v_posted,
        ARRAY(SELECT coalesce(p_requests -> (q.n - 1) -> 'queued' = 'true', false)
            FROM unnest(v_in) AS q ORDER BY q.n));
END
$$;

COMMENT ON FUNCTION bursar.claim_purchase_batch(jsonb, boolean) IS 'Handler of claim_purchase.';
REVOKE ALL ON FUNCTION bursar.claim_purchase_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.claim_purchase(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('claim_purchase', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.claim_purchase(jsonb) IS 'Claims what was bought in stores; a batch.';
REVOKE ALL ON FUNCTION bursar.claim_purchase(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.claim_purchase(jsonb) TO service_role, bursar_service;
