-- requires: ledger/claim.sql
-- requires: ledger/done.sql
-- requires: rewards/credit.sql
-- The straight road of a lone purchase: everything is as it should be, so nothing that batches and
-- refusals need is set up. Answers NULL wherever it is not, or raises: UBX02 where that shows only
-- under the locks, and what bursar.carry catches besides. Then bursar.purchase_reward_batch goes
-- over the same request and has the word.
-- Each condition has a statement of its own, because PL/pgSQL sets up an expression as a whole
-- at its first use in a transaction.
CREATE OR REPLACE FUNCTION bursar.purchase_reward_straight(q jsonb) RETURNS json
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_reward CONSTANT text := q ->> 'reward_id';
    v_reward_id CONSTANT uuid := v_reward;
    v_collector_id CONSTANT text := q ->> 'collector_id';
    v_collector CONSTANT uuid := v_collector_id;
    v_principal CONSTANT text := coalesce(q ->> 'principal', 'service');
    v_actor CONSTANT text := coalesce(q ->> 'actor', v_principal);
    v_key CONSTANT text := q ->> 'key';
    v_expected CONSTANT text := q ->> 'expected_price';
    v_creator_id uuid;
    v_price bigint;
    v_id bigint;
    v_outcome json;
BEGIN
    -- A uuid may be written in several ways; a wallet's owner is not.
    IF (v_reward = v_reward_id::text AND v_collector_id = v_collector::text) IS NOT TRUE THEN
        RETURN NULL;
    END IF;
    IF q #>> '{caller,role}' IS DISTINCT FROM 'service_role' THEN
        IF coalesce(q #>> '{caller,role}', 'anon') = 'anon'
            OR lower(q #>> '{caller,sub}') IS DISTINCT FROM v_collector_id
        THEN
            RETURN NULL;
        END IF;
    END IF;
    -- Only who came without the engine has no key.
    IF (jsonb_typeof(q -> 'key') = 'string' AND bursar.is_printable(v_key, 255)
        AND v_principal IN ('user', 'service', 'operator')) IS NOT TRUE
    THEN
        RETURN NULL;
    END IF;
    IF v_actor <> v_principal THEN
        IF jsonb_typeof(q -> 'actor') <> 'string' OR NOT bursar.is_printable(v_actor, 255) THEN
            RETURN NULL;
        END IF;
    END IF;
    IF v_expected IS NOT NULL THEN
        IF NOT bursar.is_whole(q -> 'expected_price', 1, 1000000000000000) THEN
            RETURN NULL;
        END IF;
    END IF;

    SELECT r.creator_id, r.cost INTO v_creator_id, v_price
    FROM public.rewards AS r
    WHERE r.id = v_reward_id AND r.is_active AND NOT EXISTS (
        SELECT FROM public.collected_rewards AS c
        WHERE c.collector_id = v_collector AND c.reward_id = v_reward_id);
    IF v_creator_id IS NULL OR v_creator_id = v_collector THEN
        RETURN NULL;
    END IF;
    IF v_expected IS NOT NULL THEN
        IF v_expected::bigint <> v_price THEN
            RETURN NULL;
        END IF;
    END IF;

    v_id := nextval('bursar.transaction_id_seq');
    v_outcome := bursar.pay_credit(v_id, 'purchase_reward', v_collector_id,
        v_creator_id::text, v_price, 'earned', 'reward ' || v_reward_id, v_actor,
        bursar.claim(v_collector_id, v_principal, 'purchase_reward', v_key),
        bursar.fingerprint(concat(v_reward_id, ' ', v_expected)),
        json_build_object('reward_id', v_reward_id, 'price', v_price));
    -- Both wallets are locked now: what was read before must still hold.
    INSERT INTO public.collected_rewards (
        reward_id, collector_id, price, transaction_id, collected_at)
    SELECT r.id, v_collector, v_price, v_id, bursar.clock()
    FROM public.rewards AS r
    WHERE r.id = v_reward_id AND r.is_active AND r.cost = v_price
        AND r.creator_id = v_creator_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Something changed meanwhile.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar.purchase_reward_straight(jsonb) IS
    'A lone purchase where nothing is in the way; NULL where something is.';
REVOKE ALL ON FUNCTION bursar.purchase_reward_straight(jsonb) FROM PUBLIC, anon, authenticated;
