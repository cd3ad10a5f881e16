-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: ledger/count_before_repeat.sql
-- requires: rewards/credit.sql
-- requires: rewards/read_purchases.sql
-- requires: rewards/purchase_reward_straight.sql
-- purchase_reward: a collector pays a reward's creator and owns the reward. One transaction:
-- charge, credit, collection, log.
--
-- Fields: reward_id, collector_id, [expected_price], caller {role, sub}, [key], [principal],
-- [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, REWARD_NOT_FOUND,
-- SELF_PURCHASE, ALREADY_COLLECTED, REWARD_INACTIVE, PRICE_CHANGED, BUSY, WALLET_CLOSED,
-- WALLET_FROZEN, INSUFFICIENT_FUNDS, BALANCE_LIMIT.
-- Locks: the wallets of collectors and creators together, sorted. Rewards are read after the
-- wallets and not locked: a price that changes at the same moment changed after this purchase.
CREATE OR REPLACE FUNCTION bursar.purchase_reward_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_in bursar.purchase[];
    v_wallets bursar.wallet_state[];
    v_requests bursar.request[];
    v_legs bursar.leg[];
    v_prices bigint[];
    v_posted bursar.posted;
    v_ids bigint[];
    v_now timestamptz;
BEGIN
    v_in := bursar.read_purchases(p_requests);
    v_wallets := bursar.lock_wallets_of('credit', ARRAY(
        SELECT o.owner_id::text FROM unnest(v_in) AS q
        CROSS JOIN LATERAL (VALUES (q.collector_id), (q.creator_id)) AS o (owner_id)
        WHERE q.refusal IS NULL), p_wait);

    IF (SELECT count(DISTINCT q.claim) < count(q.claim)
            OR count(DISTINCT uuid_send(q.collector_id) || uuid_send(q.reward_id)) < count(*)
        FROM unnest(v_in) AS q)
    THEN
        v_in := v_in[:(SELECT least(
            bursar.count_before_repeat(array_agg(q.claim ORDER BY q.n)),
            bursar.count_before_repeat(array_agg(
                uuid_send(q.collector_id) || uuid_send(q.reward_id) ORDER BY q.n)))
            FROM unnest(v_in) AS q)];
    END IF;

    SELECT array_agg(ROW(q.n, CASE WHEN x.refusal IS NULL THEN 2 ELSE 0 END, 'purchase_reward',
            'credit', q.collector_id::text, coalesce(r.cost, 0), 'reward ' || q.reward_id, q.actor,
            NULL, NULL, NULL,
            -- Whoever may not ask is not told either what the key's outcome was.
            CASE WHEN x.refusal IS DISTINCT FROM 'NOT_AUTHORIZED' THEN q.claim END,
            q.fingerprint, 'refuse', NULL, x.refusal,
            CASE WHEN x.refusal = 'PRICE_CHANGED'
                THEN jsonb_build_object('expected', q.expected_price, 'price', r.cost)
                WHEN x.refusal = 'MALFORMED' THEN q.details
                WHEN x.refusal IS NOT NULL THEN jsonb_build_object('reward_id', q.reward_id) END,
            json_build_object('reward_id', q.reward_id, 'price', r.cost))::bursar.request
            ORDER BY q.n),
        array_agg(ARRAY[
            ROW(q.n, 'credit', q.collector_id::text, -r.cost, 0, 'used'),
            ROW(q.n, 'credit', q.creator_id::text, r.cost, 0, 'earned')]::bursar.leg[] ORDER BY q.n)
            FILTER (WHERE x.refusal IS NULL),
        array_agg(r.cost ORDER BY q.n)
    INTO v_requests, v_legs, v_prices
    FROM unnest(v_in) AS q
    -- Without the LIMITs the planner may read whole tables that were small when it planned.
    LEFT JOIN LATERAL (SELECT * FROM public.rewards AS t
        WHERE t.id = q.reward_id LIMIT 1) AS r ON true
    LEFT JOIN LATERAL (SELECT t.reward_id FROM public.collected_rewards AS t
        WHERE t.collector_id = q.collector_id AND t.reward_id = q.reward_id LIMIT 1) AS c ON true
    CROSS JOIN LATERAL (SELECT CASE
        WHEN q.refusal IS NOT NULL THEN q.refusal
        WHEN c.reward_id IS NOT NULL THEN 'ALREADY_COLLECTED'
        WHEN NOT r.is_active THEN 'REWARD_INACTIVE'
        WHEN q.expected_price <> r.cost THEN 'PRICE_CHANGED'
        -- The reward changed hands between the look-up and the lock: ask again.
        WHEN r.creator_id IS DISTINCT FROM q.creator_id THEN 'BUSY' END AS refusal) AS x;

    v_posted := bursar.post(v_wallets, v_requests, v_legs,
        '{"INSUFFICIENT_FUNDS": "Insufficient credits to purchase this reward."}');
    v_ids := v_posted.transaction_ids;
    v_now := bursar.clock();

    INSERT INTO public.collected_rewards (
        reward_id, collector_id, price, transaction_id, collected_at)
    SELECT q.reward_id, q.collector_id, v_prices[q.n], v_ids[q.n], v_now
    FROM unnest(v_in) AS q
    WHERE v_ids[q.n] IS NOT NULL;
    RETURN v_posted.outcomes;
END
$$;

COMMENT ON FUNCTION bursar.purchase_reward_batch(jsonb, boolean) IS
    'Handler of purchase_reward: answers the outcomes of the first few requests, or of all.';
REVOKE ALL ON FUNCTION bursar.purchase_reward_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.purchase_reward(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('purchase_reward', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.purchase_reward(jsonb) IS 'Purchases rewards; a batch.';
REVOKE ALL ON FUNCTION bursar.purchase_reward(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.purchase_reward(jsonb) TO service_role, bursar_service;

-- For direct SQL callers: one purchase, as whoever is signed in; raises where it is refused.
CREATE OR REPLACE FUNCTION public.purchase_reward(
    p_reward_id uuid, p_collector_id uuid, p_expected_price bigint DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.raise_refusal(bursar.carry('purchase_reward', jsonb_build_array(
        jsonb_build_object(
            'reward_id', p_reward_id,
            'collector_id', p_collector_id,
            'expected_price', p_expected_price,
            'caller', bursar.caller(),
            'actor', 'sql:' || bursar.caller_role()))) -> 0)::jsonb
$$;

COMMENT ON FUNCTION public.purchase_reward(uuid, uuid, bigint) IS
    'Charges the collector, credits the creator, records the collection. Raises where refused.';
REVOKE ALL ON FUNCTION public.purchase_reward(uuid, uuid, bigint) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.purchase_reward(uuid, uuid, bigint)
    TO authenticated, service_role, bursar_service;
