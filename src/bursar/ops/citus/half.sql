-- What happens in one home: look at a wallet under its lock, decide its part of a few requests,
-- write it. Both functions are handed to the node that holds the home, and their statements stay
-- there: each names the home, and none needs another shard.

-- Locks a wallet and answers it, NULL where there is none; `p_open` makes a missing one first.
-- Raises DEGRADED while the gate of this node is closed.
CREATE OR REPLACE FUNCTION bursar_citus.look(p_home text, p_asset text, p_open boolean)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
-- A session's own limit does not reach the workers.
SET lock_timeout = '2s'
AS $$
DECLARE
    w bursar_citus.wallet;
BEGIN
    IF NOT bursar.enter_gate() THEN
        PERFORM bursar.raise_refusal(bursar.refused(NULL, 'DEGRADED'));
    END IF;
    FOR i IN 1 .. 2 LOOP
        SELECT * INTO w FROM bursar_citus.wallet
        WHERE home = p_home AND asset = p_asset FOR NO KEY UPDATE;
        EXIT WHEN FOUND OR NOT p_open;
        INSERT INTO bursar_citus.wallet (home, asset) VALUES (p_home, p_asset)
        ON CONFLICT (home, asset) DO NOTHING;
    END LOOP;
    RETURN CASE WHEN w.home IS NOT NULL THEN to_jsonb(w) END;
END
$$;

COMMENT ON FUNCTION bursar_citus.look(text, text, boolean) IS
    'Locks a wallet in its home and answers it.';
REVOKE ALL ON FUNCTION bursar_citus.look(text, text, boolean) FROM PUBLIC, anon, authenticated;
SELECT create_distributed_function('bursar_citus.look(text, text, boolean)', 'p_home',
    colocate_with := 'bursar_citus.wallet', force_delegation := true);

-- Carries out one wallet's part of requests, in order, and answers an outcome for each. They were
-- read by bursar_citus.carry or bursar_citus.across, and say which way (`sign`) what amount goes,
-- and which system wallet is on the other side. Keys are looked up after the wallet's lock, which
-- is the fence between two requests with one key, and are written with their outcomes.
CREATE OR REPLACE FUNCTION bursar_citus.half(p_home text, p_asset text, p_requests jsonb)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    w bursar_citus.wallet := jsonb_populate_record(NULL::bursar_citus.wallet,
        bursar_citus.look(p_home, p_asset, p_requests @> '[{"sign": 1}]'));
    v_now CONSTANT timestamptz := bursar.clock();
    v_claims CONSTANT bytea[] := (SELECT array_agg(decode(q ->> 'claim', 'hex'))
        FROM jsonb_array_elements(p_requests) AS q);
    v_rewards CONSTANT uuid[] := (SELECT array_agg((q ->> 'reward_id')::uuid)
        FROM jsonb_array_elements(p_requests) AS q WHERE q ->> 'reward_id' IS NOT NULL);
    v_collected uuid[]; v_known jsonb;
    v_outcomes jsonb := '[]'; v_outcome jsonb; v_refusal record; v_id bigint;
    v_transactions bursar_citus.transaction[]; v_entries bursar_citus.entry[];
    v_keys bursar_citus.idempotency[]; v_items bursar_citus.collected_reward[];
    q record;
BEGIN
    w.balance := coalesce(w.balance, 0);
    w.seq := coalesce(w.seq, 0);
    SELECT coalesce(jsonb_object_agg(encode(i.claim, 'hex'), jsonb_build_object(
        'fingerprint', encode(i.fingerprint, 'hex'), 'outcome', i.outcome)), '{}') INTO v_known
    FROM bursar_citus.idempotency AS i WHERE i.home = p_home AND i.claim = ANY (v_claims);
    IF v_rewards IS NOT NULL THEN
        SELECT array_agg(c.reward_id) INTO v_collected FROM bursar_citus.collected_reward AS c
        WHERE c.home = p_home AND c.reward_id = ANY (v_rewards);
    END IF;

    FOR q IN SELECT * FROM jsonb_to_recordset(p_requests) AS t (verb text, sign integer,
        amount bigint, counterpart text, bucket text, reason text, actor text, metadata jsonb,
        claim text, fingerprint text, refusal text, details jsonb, sentence text,
        transaction_id bigint, reward_id uuid, extra jsonb)
    LOOP
        IF v_known ? q.claim THEN
            v_outcomes := v_outcomes || CASE v_known #>> ARRAY[q.claim, 'fingerprint']
                WHEN q.fingerprint
                    THEN (v_known #> ARRAY[q.claim, 'outcome']) || '{"replayed": true}'
                ELSE to_jsonb(bursar.refused(q.verb, 'IDEMPOTENCY_MISMATCH')) END;
            CONTINUE;
        END IF;

        -- Of several reasons to refuse the first in the order of precedence is told.
        SELECT r.code, r.remembered INTO v_refusal FROM bursar.refusal AS r
        WHERE r.code IN (q.refusal,
            CASE WHEN q.reward_id = ANY (v_collected) THEN 'ALREADY_COLLECTED' END,
            CASE WHEN w.status = 'closed' THEN 'WALLET_CLOSED' END,
            CASE WHEN w.status = 'frozen' AND q.sign < 0 THEN 'WALLET_FROZEN' END,
            CASE WHEN q.sign < 0 AND w.balance < q.amount THEN 'INSUFFICIENT_FUNDS' END,
            CASE WHEN q.sign > 0 AND w.balance > 1000000000000000000 - q.amount
                THEN 'BALANCE_LIMIT' END)
        ORDER BY r.precedence LIMIT 1;

        IF FOUND THEN
            v_outcome := bursar.refused(q.verb, v_refusal.code, CASE
                WHEN v_refusal.code = q.refusal THEN q.details
                ELSE jsonb_build_object('owner_id', p_home, 'asset', p_asset) END
                || CASE v_refusal.code WHEN 'INSUFFICIENT_FUNDS' THEN jsonb_build_object(
                    'available', w.balance, 'needed', q.amount) ELSE '{}' END,
                CASE v_refusal.code WHEN 'INSUFFICIENT_FUNDS' THEN q.sentence END);
        ELSE
            v_id := coalesce(q.transaction_id, nextval('bursar_citus.transaction_id_seq'));
            w.balance := w.balance + q.sign * q.amount;
            w.seq := w.seq + 1;
            v_transactions := v_transactions || ROW(p_home, v_id, q.verb, p_asset, q.amount,
                q.reason, q.actor, q.metadata, v_now)::bursar_citus.transaction;
            v_entries := v_entries || ARRAY[
                ROW(p_home, v_id, 1, p_asset, p_home, q.sign * q.amount, w.seq, w.balance,
                    q.bucket),
                ROW(p_home, v_id, 2, p_asset, q.counterpart, -q.sign * q.amount, NULL, NULL,
                    q.bucket)]::bursar_citus.entry[];
            IF q.reward_id IS NOT NULL THEN
                v_items := v_items || ROW(p_home, q.reward_id, q.amount, v_id, v_now)
                    ::bursar_citus.collected_reward;
            END IF;
            v_outcome := jsonb_build_object('status', 'done', 'verb', q.verb,
                'transaction_id', v_id, 'owner_id', p_home, 'asset', p_asset, 'amount', q.amount,
                'balance', w.balance, 'held', 0, 'available', w.balance, 'replayed', false)
                || coalesce(q.extra, '{}');
        END IF;
        v_outcomes := v_outcomes || v_outcome;
        IF q.claim IS NOT NULL AND coalesce(v_refusal.remembered, true) THEN
            v_keys := v_keys || ROW(p_home, decode(q.claim, 'hex'), decode(q.fingerprint, 'hex'),
                v_outcome, v_now)::bursar_citus.idempotency;
            v_known := v_known || jsonb_build_object(q.claim, jsonb_build_object(
                'fingerprint', q.fingerprint, 'outcome', v_outcome));
        END IF;
    END LOOP;

    PERFORM bursar_citus.write_down(p_home, v_transactions, v_entries, v_keys, v_items);
    IF v_entries IS NOT NULL THEN
        UPDATE bursar_citus.wallet SET balance = w.balance, seq = w.seq
        WHERE home = p_home AND asset = p_asset;
    END IF;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar_citus.half(text, text, jsonb) IS
    'Carries out one wallet''s part of requests, in its home.';
REVOKE ALL ON FUNCTION bursar_citus.half(text, text, jsonb) FROM PUBLIC, anon, authenticated;
SELECT create_distributed_function('bursar_citus.half(text, text, jsonb)', 'p_home',
    colocate_with := 'bursar_citus.wallet', force_delegation := true);
