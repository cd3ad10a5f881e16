-- requires: claims/lock_claims.sql
-- requires: claims/purchase_facts.sql
-- All that events of the store may touch, locked in the order of claims. A transfer shuts
-- purchases out while it is taken, so that neither misses the other.

-- The wallets that an event may move: those of who has claimed its transaction, and of those whose
-- claims wait for it.
CREATE OR REPLACE FUNCTION bursar.store_event_wallets(e bursar.store_event)
RETURNS TABLE (asset text, user_id text, is_claimed boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF e.transaction_id IS NULL OR e.refusal IS NOT NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT coalesce(s.asset, 'streak_shield'), c.user_id, true
    FROM (SELECT t.user_id, t.sku FROM public.purchase_claims AS t WHERE t.tx_id
        = bursar.tx_id_of(e.store, e.environment, e.transaction_id) OFFSET 0) AS c
    LEFT JOIN LATERAL (SELECT t.asset FROM public.skus AS t
        WHERE t.sku = c.sku LIMIT 1) AS s ON true;
    RETURN QUERY SELECT w.asset, k.user_id, false
    -- By a plan made while the queue was short, it would be read whole.
    FROM (SELECT t.user_id, t.sku, t.status, t.waits_for FROM public.claim_queue AS t
        WHERE t.tx_id = e.transaction_id OFFSET 0) AS k
    LEFT JOIN LATERAL (SELECT t.asset FROM public.skus AS t
        WHERE t.sku = k.sku LIMIT 1) AS s ON true
    CROSS JOIN LATERAL (SELECT 'streak_shield' AS asset
        UNION SELECT s.asset WHERE s.asset IS NOT NULL) AS w
    WHERE k.status = 'waiting' AND k.waits_for = 'purchase';
END
$$;

COMMENT ON FUNCTION bursar.store_event_wallets(bursar.store_event) IS
    'The wallets that an event of the store may move.';
REVOKE ALL ON FUNCTION bursar.store_event_wallets(bursar.store_event)
    FROM PUBLIC, anon, authenticated;

-- Answers the events, with the refusal BUSY where a lock was not had, and WALLET_CLOSED where the
-- wallet of who claimed the transaction is closed.
CREATE OR REPLACE FUNCTION bursar.lock_store_events(p_events bursar.store_event[], p_wait boolean)
RETURNS bursar.store_event[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_events bursar.store_event[] := p_events;
    v_in_time CONSTANT boolean := bursar.lock_transfers(p_wait, EXISTS (
        SELECT FROM unnest(p_events) AS e WHERE e.type = 'TRANSFER'));
    v_names CONSTANT text[] := ARRAY(
        SELECT e.transaction_id FROM unnest(p_events) AS e WHERE e.refusal IS NULL);
    v_assets text[];
    v_owner_ids text[];
    v_wallets bursar.wallet_state[];
    v_busy text[];
    v_tx_id text;
    v_code text;
BEGIN
    v_busy := bursar.lock_transactions(v_names, p_wait);
    SELECT array_agg(w.asset), array_agg(w.user_id) INTO v_assets, v_owner_ids
    FROM unnest(p_events) AS e CROSS JOIN LATERAL bursar.store_event_wallets(e) AS w;
    v_wallets := bursar.lock_wallets(v_assets, v_owner_ids, p_wait);
    v_busy := v_busy || bursar.lock_purchases(ARRAY(
        SELECT bursar.tx_id_of(e.store, e.environment, e.transaction_id)
        FROM unnest(p_events) AS e
        WHERE e.refusal IS NULL AND e.transaction_id IS NOT NULL), p_wait);
    FOR i IN 1 .. cardinality(v_events) LOOP
        CONTINUE WHEN v_events[i].refusal IS NOT NULL;
        v_tx_id := bursar.tx_id_of(
            v_events[i].store, v_events[i].environment, v_events[i].transaction_id);
        SELECT CASE WHEN bool_or(s.status = 'busy') THEN 'BUSY'
            WHEN bool_or(s.status = 'closed' AND w.is_claimed) THEN 'WALLET_CLOSED' END
        INTO v_code
        FROM bursar.store_event_wallets(v_events[i]) AS w
        JOIN unnest(v_wallets) AS s ON s.owner_id = w.user_id AND s.asset = w.asset;
        v_events[i].refusal := CASE WHEN NOT v_in_time OR v_tx_id = ANY (v_busy)
            OR v_events[i].transaction_id = ANY (v_busy) THEN 'BUSY' ELSE v_code END;
    END LOOP;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION bursar.lock_store_events(bursar.store_event[], boolean) IS
    'Locks all that events of the store may touch; answers them, refused where that failed.';
REVOKE ALL ON FUNCTION bursar.lock_store_events(bursar.store_event[], boolean)
    FROM PUBLIC, anon, authenticated;

-- Whether the lock that transfers hold alone, and everybody else together, was had.
CREATE OR REPLACE FUNCTION bursar.lock_transfers(p_wait boolean, p_alone boolean) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_name CONSTANT bigint := hashtextextended('store transfers', 0);
BEGIN
    IF NOT p_wait THEN
        RETURN CASE WHEN p_alone THEN pg_try_advisory_xact_lock(v_name)
            ELSE pg_try_advisory_xact_lock_shared(v_name) END;
    ELSIF p_alone THEN
        PERFORM pg_advisory_xact_lock(v_name);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(v_name);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION bursar.lock_transfers(boolean, boolean) IS
    'Shuts purchases out while a transfer is taken, and transfers while a purchase is.';
REVOKE ALL ON FUNCTION bursar.lock_transfers(boolean, boolean) FROM PUBLIC, anon, authenticated;
