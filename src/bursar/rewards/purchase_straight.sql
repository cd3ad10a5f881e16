-- requires: ledger/claim.sql
-- requires: ledger/value_shape.sql
-- requires: ledger/post_straight.sql
-- requires: rewards/credit.sql
-- The straight road of a lone purchase: everything is as it should be, so nothing that batches and
-- refusals need is set up. Answers NULL wherever it is not, and has written nothing; then
-- bursar.purchase_reward_batch goes over the same request and has the word. The order is the same:
-- read whom to pay, lock both wallets, read the reward and the collection in the statement after,
-- post.
CREATE OR REPLACE FUNCTION bursar.purchase_straight(q jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_reward_id uuid;
    v_collector_id CONSTANT text := lower(q ->> 'collector_id');
    v_expected CONSTANT jsonb := nullif(q -> 'expected_price', 'null');
    v_creator_id text;
    v_price bigint;
    v_wallets bursar.wallet_state[];
    v_request bursar.request;
    v_outcome jsonb;
BEGIN
    IF (bursar.is_uuid(q ->> 'reward_id') AND bursar.is_uuid(v_collector_id)
        AND bursar.is_text(q -> 'key') AND coalesce(bursar.is_printable(q ->> 'key', 255), true)
        AND coalesce(q ->> 'principal', 'service') IN ('user', 'service', 'operator')
        AND bursar.is_text(q -> 'actor')
        AND coalesce(bursar.is_printable(q ->> 'actor', 255), true)
        AND (v_expected IS NULL OR bursar.is_whole(v_expected, 1, 1000000000000000))
        AND (q -> 'caller' ->> 'role' = 'service_role' OR (q -> 'caller' ->> 'role' <> 'anon'
            AND lower(q -> 'caller' ->> 'sub') = v_collector_id))) IS NOT TRUE
    THEN
        RETURN NULL;
    END IF;
    v_reward_id := (q ->> 'reward_id')::uuid;
    SELECT creator_id INTO v_creator_id FROM public.rewards WHERE id = v_reward_id;
    IF v_creator_id IS NULL OR v_creator_id = v_collector_id THEN
        RETURN NULL;
    END IF;

    v_wallets := bursar.lock_credit(CASE WHEN v_collector_id < v_creator_id COLLATE "C"
        THEN ARRAY[v_collector_id, v_creator_id]
        ELSE ARRAY[v_creator_id, v_collector_id] END, true);
    SELECT r.cost INTO v_price
    FROM public.rewards AS r
    WHERE r.id = v_reward_id AND r.is_active AND r.creator_id = v_creator_id::uuid
        AND r.cost = coalesce(v_expected::bigint, r.cost)
        AND NOT EXISTS (SELECT FROM public.collected_rewards AS c
            WHERE c.collector_id = v_collector_id::uuid AND c.reward_id = v_reward_id);
    IF v_price IS NULL THEN
        RETURN NULL;
    END IF;

    v_request.verb := 'purchase_reward';
    v_request.asset := 'credit';
    v_request.owner_id := v_collector_id;
    v_request.amount := v_price;
    v_request.reason := 'reward ' || v_reward_id;
    v_request.actor := coalesce(q ->> 'actor', q ->> 'principal', 'service');
    v_request.claim := bursar.claim(v_collector_id, coalesce(q ->> 'principal', 'service'),
        'purchase_reward', q ->> 'key');
    v_request.fingerprint := bursar.fingerprint(
        v_reward_id || ' ' || coalesce(v_expected::text, ''));
    v_request.extra := jsonb_build_object('reward_id', v_reward_id, 'price', v_price);
    v_outcome := bursar.post_straight(v_wallets, v_request, v_creator_id, 'earned');
    IF v_outcome IS NOT NULL THEN
        INSERT INTO public.collected_rewards (
            reward_id, collector_id, price, transaction_id, collected_at)
        VALUES (v_reward_id, v_collector_id::uuid, v_price,
            (v_outcome ->> 'transaction_id')::bigint, bursar.clock());
    END IF;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar.purchase_straight(jsonb) IS
    'A lone purchase where nothing is in the way; NULL where something is.';
REVOKE ALL ON FUNCTION bursar.purchase_straight(jsonb) FROM PUBLIC, anon, authenticated;
