-- requires: ledger/gate.sql
-- requires: ledger/open_wallets.sql
-- requires: claims/correct_shields.sql
-- requires: claims/settle_claim.sql
-- requires: claims/lock_store_events.sql
-- What `bursar reconcile` does to the shop. Each answers {status, before, after, [why]}; `status`
-- is done, unchanged, or refused where the record does not tell what should be there.

-- A user's shields, brought to what claims, uses and refunds come to, by an entry.
CREATE OR REPLACE FUNCTION bursar.mend_shields(p_user_id text, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    v_before CONSTANT jsonb := (SELECT to_jsonb(w) FROM public.user_wallet_balances AS w
        WHERE w.user_id = p_user_id);
    v_outcome json;
BEGIN
    IF v_before IS NULL THEN
        PERFORM bursar.open_wallets(jsonb_build_array(
            jsonb_build_object('asset', 'streak_shield', 'owner_id', p_user_id)));
    END IF;
    PERFORM bursar.lock_owners('streak_shield', ARRAY[p_user_id], true);
    -- A claim that is gone must not take with it what it gave.
    IF EXISTS (SELECT FROM bursar.entry AS e
            JOIN bursar.transaction AS t ON t.id = e.transaction_id AND t.verb = 'claim_purchase'
            LEFT JOIN public.purchase_claims AS c ON c.transaction_id = t.id
            WHERE e.owner_id = p_user_id AND e.asset = 'streak_shield' AND e.seq IS NOT NULL
                AND (c.user_id = t.owner_id AND c.amount = t.amount) IS NOT TRUE)
        OR EXISTS (SELECT FROM public.purchase_claims AS c
            LEFT JOIN bursar.transaction AS t ON t.id = c.transaction_id
            WHERE c.user_id = p_user_id AND c.transaction_id IS NOT NULL
                AND (t.owner_id = p_user_id) IS NOT TRUE)
    THEN
        RETURN jsonb_build_object('status', 'refused', 'before', v_before,
            'why', 'claims of theirs are not what the transactions say');
    END IF;
    v_outcome := (bursar.correct_shields_batch(jsonb_build_array(jsonb_build_object(
        'user_id', p_user_id, 'reason', p_reason, 'actor', p_actor)), true))[1];
    IF v_outcome ->> 'status' <> 'done' THEN
        RETURN jsonb_build_object('status', 'refused', 'before', v_before,
            'why', v_outcome ->> 'message');
    END IF;
    RETURN jsonb_build_object(
        'status', CASE v_outcome ->> 'amount' WHEN '0' THEN 'unchanged' ELSE 'done' END,
        'before', v_before, 'after', (SELECT to_jsonb(w) FROM public.user_wallet_balances AS w
            WHERE w.user_id = p_user_id),
        'transactions', jsonb_build_array(v_outcome -> 'transaction_id'));
END
$$;

COMMENT ON FUNCTION bursar.mend_shields(text, text, text) IS
    'Brings shields to what claims, uses and refunds come to.';
REVOKE ALL ON FUNCTION bursar.mend_shields(text, text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_shields(text, text, text) TO bursar_operator;

-- A booster's end and its count of changes, written anew from the changes, which must follow one
-- another. It is no change of its own: nobody decided anything.
CREATE OR REPLACE FUNCTION bursar.mend_booster(p_user_id text, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    w public.user_wallet_balances;
    v_before jsonb;
    v_changes bigint;
    v_until timestamptz;
    v_in_order boolean;
BEGIN
    SELECT * INTO w FROM public.user_wallet_balances WHERE user_id = p_user_id FOR NO KEY UPDATE;
    v_before := CASE WHEN w.user_id IS NOT NULL THEN to_jsonb(w) END;
    SELECT count(*), (array_agg(c.until_after ORDER BY c.seq DESC))[1],
        bool_and(c.seq = c.place AND c.until_before IS NOT DISTINCT FROM c.before)
    INTO v_changes, v_until, v_in_order
    FROM (SELECT b.*, row_number() OVER own AS place, lag(b.until_after) OVER own AS before
        FROM public.booster_changes AS b WHERE b.user_id = p_user_id
        WINDOW own AS (ORDER BY b.seq)) AS c;
    IF NOT coalesce(v_in_order, true) OR w.user_id IS NOT NULL AND w.booster_seq <> v_changes
        AND w.xp_booster_until IS DISTINCT FROM v_until
    THEN
        RETURN jsonb_build_object('status', 'refused', 'before', v_before, 'why',
            CASE WHEN v_in_order THEN 'it says more changes than there are, so one may be missing'
                ELSE 'its changes do not follow one another' END);
    END IF;
    IF w.user_id IS NULL THEN
        PERFORM bursar.open_wallets(jsonb_build_array(
            jsonb_build_object('asset', 'streak_shield', 'owner_id', p_user_id)));
    END IF;
    -- Whoever leaves the count alone is taken for plain SQL, so it goes one too far, and back.
    UPDATE public.user_wallet_balances SET booster_seq = v_changes + 1 WHERE user_id = p_user_id;
    UPDATE public.user_wallet_balances SET xp_booster_until = v_until, booster_seq = v_changes
    WHERE user_id = p_user_id
    RETURNING * INTO w;
    RETURN jsonb_build_object('status', CASE WHEN to_jsonb(w) - 'updated_at'
            = v_before - 'updated_at' THEN 'unchanged' ELSE 'done' END,
        'before', v_before, 'after', to_jsonb(w));
END
$$;

COMMENT ON FUNCTION bursar.mend_booster(text, text, text) IS
    'Writes a booster''s end anew from its changes.';
REVOKE ALL ON FUNCTION bursar.mend_booster(text, text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_booster(text, text, text) TO bursar_operator;

-- A purchase of the store, brought to what its events say, and its claim to what its transactions
-- say; then the claim is settled: what was refunded is taken back, by entries. A purchase that no
-- event tells of stays as it is.
CREATE OR REPLACE FUNCTION bursar.mend_purchase(
    p_tx_id text, p_event_id text, p_reason text, p_actor text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    v_tx_id text := p_tx_id;
    v_payload jsonb;
    e bursar.store_event;
    c public.purchase_claims;
    v_before jsonb;
    v_returned bigint;
    v_status text;
    v_settled boolean := false;
BEGIN
    v_payload := (SELECT i.payload FROM bursar.inbox AS i
        WHERE i.provider = 'revenuecat' AND bursar.tells_of_purchase(i.type)
            AND (i.event_id = p_event_id OR i.subject = (
                SELECT concat_ws(' ', a.store, a.environment, coalesce(a.transaction_id, a.tx_id))
                FROM public.audit_purchases AS a WHERE a.tx_id = p_tx_id))
        ORDER BY i.id LIMIT 1);
    IF v_payload IS NULL THEN
        -- Nothing but plain SQL knows of it; its claim is still what its transactions say.
        v_before := bursar.copy_purchase(v_tx_id);
        IF v_before -> 'claim' = 'null' THEN
            RETURN jsonb_build_object('status', 'refused', 'before', v_before,
                'why', 'no event of the store tells of it');
        END IF;
        PERFORM bursar.lock_transactions(ARRAY[p_tx_id], true);
    ELSE
        e := (bursar.lock_store_events(bursar.read_store_events(
            jsonb_build_array(jsonb_build_object('event', v_payload))), true))[1];
        v_tx_id := coalesce(v_tx_id, bursar.tx_id_of(e.store, e.environment, e.transaction_id));
        v_before := bursar.copy_purchase(v_tx_id);
        IF e.refusal IS NOT NULL THEN
            RETURN jsonb_build_object('status', 'refused', 'before', v_before, 'why', e.refusal);
        END IF;
        v_tx_id := bursar.state_purchase_facts(e.store, e.environment, e.transaction_id);
    END IF;

    SELECT * INTO c FROM public.purchase_claims WHERE tx_id = v_tx_id FOR NO KEY UPDATE;
    v_returned := (SELECT count(*) FILTER (WHERE t.verb = 'refund_claim')
            - count(*) FILTER (WHERE t.verb = 'regrant_claim')
        FROM bursar.transaction AS t WHERE t.verb IN ('refund_claim', 'regrant_claim')
            AND t.reason = c.tx_id || ' ' || c.sku
            AND t.id IN (SELECT o.transaction_id FROM bursar.entry AS o
                WHERE o.owner_id = c.user_id AND o.seq IS NOT NULL));
    -- A booster that was taken back is a change of the booster's.
    IF c.tx_id IS NOT NULL AND (SELECT s.kind FROM public.skus AS s WHERE s.sku = c.sku) = 'item'
    THEN
        v_status := CASE WHEN v_returned = 1 THEN 'refunded' WHEN v_returned = 0
            THEN CASE WHEN c.outcome IS NULL THEN 'recorded' ELSE 'granted' END END;
        IF v_status IS NULL THEN
            RAISE EXCEPTION 'The claim of % was taken back % times.', v_tx_id, v_returned;
        ELSIF v_status = 'refunded' AND (v_before #>> '{purchase,is_refunded}')::boolean
            AND NOT (SELECT a.is_refunded FROM public.audit_purchases AS a
                WHERE a.tx_id = v_tx_id)
        THEN
            RAISE EXCEPTION 'The event by which % was refunded is not there.', v_tx_id;
        END IF;
        UPDATE public.purchase_claims SET status = v_status WHERE tx_id = v_tx_id
            AND status <> v_status;
    END IF;
    v_settled := v_payload IS NOT NULL AND bursar.settle_claim(v_tx_id, p_actor);
    RETURN jsonb_build_object(
        'status', CASE WHEN bursar.copy_purchase(v_tx_id) = v_before THEN 'unchanged'
            ELSE 'done' END,
        'before', v_before, 'after', bursar.copy_purchase(v_tx_id), 'settled', v_settled);
END
$$;

COMMENT ON FUNCTION bursar.mend_purchase(text, text, text, text) IS
    'Brings a purchase of the store and its claim to what is recorded of them.';
REVOKE ALL ON FUNCTION bursar.mend_purchase(text, text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_purchase(text, text, text, text) TO bursar_operator;

-- A purchase and its claim as they are.
CREATE OR REPLACE FUNCTION bursar.copy_purchase(p_tx_id text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'purchase', (SELECT to_jsonb(a) FROM public.audit_purchases AS a WHERE a.tx_id = p_tx_id),
        'claim', (SELECT to_jsonb(c) FROM public.purchase_claims AS c WHERE c.tx_id = p_tx_id));
END
$$;

COMMENT ON FUNCTION bursar.copy_purchase(text) IS 'A purchase and its claim as they are.';
REVOKE ALL ON FUNCTION bursar.copy_purchase(text) FROM PUBLIC, anon, authenticated;

-- Events and claims that were struck off or set aside without an outcome wait again, and are
-- carried out by the next `bursar queue replay` or round of the worker: what was done is not done
-- twice.
CREATE OR REPLACE FUNCTION bursar.mend_store_work(
    p_event_id text, p_tx_id text, p_user_id text, p_reason text, p_actor text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    v_before jsonb;
BEGIN
    IF p_event_id IS NOT NULL THEN
        v_before := (SELECT to_jsonb(i) FROM bursar.inbox AS i
            WHERE i.provider = 'revenuecat' AND i.event_id = p_event_id LIMIT 1);
        UPDATE bursar.inbox SET status = 'waiting', handled_at = NULL
        WHERE provider = 'revenuecat' AND event_id = p_event_id AND outcome IS NULL
            AND status <> 'waiting';
    ELSE
        v_before := (SELECT to_jsonb(k) FROM public.claim_queue AS k
            WHERE k.tx_id = p_tx_id AND k.user_id = p_user_id ORDER BY k.id LIMIT 1);
        UPDATE public.claim_queue SET status = 'waiting', handled_at = NULL
        WHERE tx_id = p_tx_id AND user_id = p_user_id AND outcome IS NULL
            AND status <> 'waiting';
    END IF;
    RETURN jsonb_build_object('status', CASE WHEN FOUND THEN 'done' ELSE 'refused' END,
        'before', v_before, 'after', v_before || '{"status": "waiting"}',
        'why', CASE WHEN NOT FOUND THEN 'its outcome is there, and names something that is not'
            END);
END
$$;

COMMENT ON FUNCTION bursar.mend_store_work(text, text, text, text, text) IS
    'Lets what was struck off without an outcome wait again.';
REVOKE ALL ON FUNCTION bursar.mend_store_work(text, text, text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_store_work(text, text, text, text, text) TO bursar_operator;
