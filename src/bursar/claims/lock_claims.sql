-- requires: ledger/lock_wallets.sql
-- requires: claims/judge_claims.sql
-- The locks of claims and of store events, in their order: transactions by name, wallets,
-- purchases; each sorted. Without `p_wait` what somebody else holds is not waited for, and is
-- answered, so that one busy transaction does not hold up a batch.

-- Transactions are locked by name before everything else: the first event of one has no row to
-- lock, and neither it nor a claim that comes at the same moment may miss the other. Answers the
-- ids that were not had.
CREATE OR REPLACE FUNCTION bursar.lock_transactions(p_tx_ids text[], p_wait boolean)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_tx_id text;
    v_name bigint;
    v_busy text[] := '{}';
BEGIN
    FOR v_tx_id, v_name IN
        SELECT i.tx_id, hashtextextended('store transaction ' || i.tx_id, 0)
        FROM unnest(p_tx_ids) AS i (tx_id) WHERE i.tx_id IS NOT NULL ORDER BY 2
    LOOP
        IF p_wait THEN
            PERFORM pg_advisory_xact_lock(v_name);
        ELSIF NOT pg_try_advisory_xact_lock(v_name) THEN
            v_busy := v_busy || v_tx_id;
        END IF;
    END LOOP;
    RETURN v_busy;
END
$$;

COMMENT ON FUNCTION bursar.lock_transactions(text[], boolean) IS
    'Locks store transactions by name, sorted; answers those that were not had.';
REVOKE ALL ON FUNCTION bursar.lock_transactions(text[], boolean) FROM PUBLIC, anon, authenticated;

-- Purchases come last. Answers those that were not had.
CREATE OR REPLACE FUNCTION bursar.lock_purchases(p_tx_ids text[], p_wait boolean)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_tx_id text;
    v_busy text[] := '{}';
BEGIN
    FOREACH v_tx_id IN ARRAY ARRAY(SELECT DISTINCT i.tx_id COLLATE "C"
        FROM unnest(p_tx_ids) AS i (tx_id) WHERE i.tx_id IS NOT NULL ORDER BY 1)
    LOOP
        IF p_wait THEN
            PERFORM FROM public.audit_purchases WHERE tx_id = v_tx_id FOR NO KEY UPDATE;
        ELSE
            PERFORM FROM public.audit_purchases WHERE tx_id = v_tx_id
            FOR NO KEY UPDATE SKIP LOCKED;
            IF NOT FOUND AND (SELECT sku FROM public.audit_purchases
                WHERE tx_id = v_tx_id) IS NOT NULL
            THEN
                v_busy := v_busy || v_tx_id;
            END IF;
        END IF;
    END LOOP;
    RETURN v_busy;
END
$$;

COMMENT ON FUNCTION bursar.lock_purchases(text[], boolean) IS
    'Locks purchases, sorted; answers those that were not had.';
REVOKE ALL ON FUNCTION bursar.lock_purchases(text[], boolean) FROM PUBLIC, anon, authenticated;

-- Locks the wallets of claimers: the row that carries shields and the booster, which is the user's
-- lock, and where a SKU is another item that one's. A user without a wallet gets one first.
CREATE OR REPLACE FUNCTION bursar.lock_claimers(p_claims bursar.claim_request[], p_wait boolean)
RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_assets text[];
    v_owner_ids text[];
    v_wallets bursar.wallet_state[];
    v_missing jsonb;
BEGIN
    SELECT array_agg(w.asset), array_agg(w.user_id) INTO v_assets, v_owner_ids
    FROM (SELECT 'streak_shield' AS asset, q.user_id FROM unnest(p_claims) AS q
        WHERE q.refusal IS NULL
        UNION
        SELECT s.asset, q.user_id FROM unnest(p_claims) AS q
        CROSS JOIN LATERAL (SELECT t.asset FROM public.skus AS t
            WHERE t.sku = q.sku AND t.asset IS NOT NULL LIMIT 1) AS s
        WHERE q.refusal IS NULL) AS w;
    v_wallets := bursar.lock_wallets(v_assets, v_owner_ids, p_wait);
    v_missing := (SELECT jsonb_agg(jsonb_build_object('asset', s.asset, 'owner_id', s.owner_id))
        FROM unnest(v_wallets) AS s WHERE s.status = 'missing');
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;
    RETURN v_wallets;
END
$$;

COMMENT ON FUNCTION bursar.lock_claimers(bursar.claim_request[], boolean) IS
    'Locks the wallets of claimers.';
REVOKE ALL ON FUNCTION bursar.lock_claimers(bursar.claim_request[], boolean)
    FROM PUBLIC, anon, authenticated;

-- Claims whose transaction, named in the same order, is among those that were not had are answered
-- BUSY.
CREATE OR REPLACE FUNCTION bursar.claims_but_busy(
    p_claims bursar.claim_request[], p_names text[], p_busy text[]
) RETURNS bursar.claim_request[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_claims bursar.claim_request[] := p_claims;
BEGIN
    IF p_busy <> '{}' THEN
        FOR i IN 1 .. cardinality(v_claims) LOOP
            IF p_names[i] = ANY (p_busy) AND v_claims[i].refusal IS NULL THEN
                v_claims[i].refusal := 'BUSY';
            END IF;
        END LOOP;
    END IF;
    RETURN v_claims;
END
$$;

COMMENT ON FUNCTION bursar.claims_but_busy(bursar.claim_request[], text[], text[]) IS
    'Claims, those of busy transactions refused.';
REVOKE ALL ON FUNCTION bursar.claims_but_busy(bursar.claim_request[], text[], text[])
    FROM PUBLIC, anon, authenticated;
