-- Payments between two owners. Their homes are usually on two nodes, so this is a two-phase commit:
-- either both halves become visible, or none. They do not become visible at one moment.

-- Locks both wallets, sorted, whoever pays; has the payer's home decide, with what the payee's
-- wallet has to say; then writes the payee's half. The key is the payer's.
--
-- A function in FROM is handed to the node of its first argument, also within a transaction; one in
-- the SELECT list of PL/pgSQL is not: its statements would come from here, one by one.
CREATE OR REPLACE FUNCTION bursar_citus.across(
    p_payer text, p_payee text, p_asset text, p_request jsonb
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
DECLARE
    v_payee jsonb; v_outcome jsonb; v_got jsonb; v_part jsonb;
    v_request jsonb := p_request || jsonb_build_object('sign', -1, 'counterpart', 'system:transit',
        'bucket', 'used', 'transaction_id', nextval('bursar_citus.transaction_id_seq'));
BEGIN
    IF p_request ->> 'refusal' IS NULL THEN
        -- A payer that sorts behind the payee is locked by its own half.
        IF p_payer COLLATE "C" < p_payee COLLATE "C" THEN
            PERFORM * FROM bursar_citus.look(p_payer, p_asset, false);
        END IF;
        SELECT * INTO v_payee FROM bursar_citus.look(p_payee, p_asset, true);
        v_request := v_request || jsonb_build_object(
            'refusal', CASE WHEN v_payee ->> 'status' = 'closed' THEN 'WALLET_CLOSED'
                WHEN (v_payee ->> 'balance')::bigint > 1000000000000000000
                    - (p_request ->> 'amount')::bigint THEN 'BALANCE_LIMIT' END,
            'details', jsonb_build_object('owner_id', p_payee, 'asset', p_asset));
    END IF;
    v_part := jsonb_build_array(v_request);
    SELECT o -> 0 INTO v_outcome FROM bursar_citus.half(p_payer, p_asset, v_part) AS o;
    IF v_outcome ->> 'status' = 'done' AND NOT (v_outcome ->> 'replayed')::boolean THEN
        v_part := jsonb_build_array(v_request - '{claim,fingerprint,reward_id}'::text[]
            || '{"sign": 1, "bucket": "earned"}');
        SELECT o -> 0 INTO v_got FROM bursar_citus.half(p_payee, p_asset, v_part) AS o;
        IF v_got ->> 'status' IS DISTINCT FROM 'done' THEN
            RAISE EXCEPTION 'The payee''s half was refused after its wallet had been looked at: %.',
                v_got ->> 'code';
        END IF;
    END IF;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar_citus.across(text, text, text, jsonb) IS
    'Carries out a payment between two homes.';
REVOKE ALL ON FUNCTION bursar_citus.across(text, text, text, jsonb)
    FROM PUBLIC, anon, authenticated;

-- transfer: moves an amount from one wallet to another. One request, one outcome.
CREATE OR REPLACE FUNCTION bursar_citus.transfer(q jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
DECLARE
    v_asset CONSTANT text := q ->> 'asset';
    v_type CONSTANT text := (SELECT a.owner_type FROM bursar.asset AS a WHERE a.asset = v_asset
        AND a.asset NOT LIKE '%:owed');
    v_payer CONSTANT text := bursar.canonical_owner(q ->> 'owner_id', v_asset);
    v_payee CONSTANT text := bursar.canonical_owner(q ->> 'to_owner_id', v_asset);
    v_wrong CONSTANT text := coalesce(bursar_citus.wrong_field(q), CASE
        WHEN NOT coalesce(bursar.is_owner(v_payer, coalesce(v_type, 'text')), false)
            THEN 'owner_id'
        WHEN v_asset IS NULL THEN 'asset'
        WHEN NOT q ? 'amount' THEN 'amount'
        WHEN NOT coalesce(bursar.is_owner(v_payee, coalesce(v_type, 'text')), false)
            THEN 'to_owner_id' END);
BEGIN
    IF v_wrong IS NOT NULL THEN
        RETURN bursar.refused('transfer', 'MALFORMED', jsonb_build_object('field', v_wrong));
    END IF;
    RETURN bursar_citus.across(v_payer, v_payee, v_asset, jsonb_build_object(
        'verb', 'transfer', 'amount', q -> 'amount', 'reason', coalesce(q ->> 'reason', 'transfer'),
        'actor', coalesce(q ->> 'actor', q ->> 'principal', 'service'),
        'metadata', nullif(q -> 'metadata', 'null'),
        'claim', encode(bursar.claim(v_payer, coalesce(q ->> 'principal', 'service'), 'transfer',
            q ->> 'key'), 'hex'),
        'fingerprint', encode(bursar.fingerprint(jsonb_build_array('transfer', v_payer, v_asset,
            q -> 'amount', v_payee)::text), 'hex'),
        'refusal', CASE WHEN v_type IS NULL THEN 'ASSET_NOT_FOUND'
            WHEN v_payer = v_payee THEN 'SELF_TRANSFER' END,
        'details', '{}'::jsonb));
END
$$;

COMMENT ON FUNCTION bursar_citus.transfer(jsonb) IS 'Moves an amount between two wallets.';
REVOKE ALL ON FUNCTION bursar_citus.transfer(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.transfer(jsonb) TO service_role, bursar_service;

-- purchase_reward: a collector pays a reward's creator and owns the reward. The reward is read from
-- this node's copy of the catalogue; a price that changes at the same moment changed afterwards.
CREATE OR REPLACE FUNCTION bursar_citus.purchase_reward(q jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
DECLARE
    v_collector CONSTANT text := lower(q ->> 'collector_id');
    v_wrong CONSTANT text := coalesce(bursar_citus.wrong_field(q - 'amount'), CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'reward_id'), false) THEN 'reward_id'
        WHEN NOT coalesce(bursar.is_uuid(v_collector), false) THEN 'collector_id'
        WHEN q ? 'expected_price'
            AND NOT bursar.is_whole(q -> 'expected_price', 1, 1000000000000000)
            THEN 'expected_price' END);
    r bursar_citus.reward;
BEGIN
    IF v_wrong IS NOT NULL THEN
        RETURN bursar.refused('purchase_reward', 'MALFORMED',
            jsonb_build_object('field', v_wrong));
    ELSIF q #>> '{caller,role}' IS DISTINCT FROM 'service_role'
        AND lower(q #>> '{caller,sub}') IS DISTINCT FROM v_collector
    THEN
        RETURN bursar.refused('purchase_reward', 'NOT_AUTHORIZED');
    END IF;
    SELECT * INTO r FROM bursar_citus.reward WHERE id = (q ->> 'reward_id')::uuid;
    RETURN bursar_citus.across(v_collector, r.creator_id::text, 'credit', jsonb_build_object(
        'verb', 'purchase_reward', 'amount', r.cost, 'reason', 'reward ' || (q ->> 'reward_id'),
        'actor', coalesce(q ->> 'actor', q ->> 'principal', 'service'),
        'claim', encode(bursar.claim(v_collector, coalesce(q ->> 'principal', 'service'),
            'purchase_reward', q ->> 'key'), 'hex'),
        'fingerprint', encode(bursar.fingerprint(lower(q ->> 'reward_id') || ' '
            || coalesce(q ->> 'expected_price', '')), 'hex'),
        'refusal', CASE WHEN r.id IS NULL THEN 'REWARD_NOT_FOUND'
            WHEN r.creator_id::text = v_collector THEN 'SELF_PURCHASE'
            WHEN NOT r.is_active THEN 'REWARD_INACTIVE'
            WHEN (q ->> 'expected_price')::bigint <> r.cost THEN 'PRICE_CHANGED' END,
        'details', jsonb_build_object('reward_id', q ->> 'reward_id', 'price', r.cost),
        'sentence', 'Insufficient credits to purchase this reward.',
        'reward_id', q ->> 'reward_id',
        'extra', jsonb_build_object('reward_id', q ->> 'reward_id', 'price', r.cost)));
END
$$;

COMMENT ON FUNCTION bursar_citus.purchase_reward(jsonb) IS
    'Charges the collector, credits the creator, records the collection.';
REVOKE ALL ON FUNCTION bursar_citus.purchase_reward(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.purchase_reward(jsonb) TO service_role, bursar_service;
