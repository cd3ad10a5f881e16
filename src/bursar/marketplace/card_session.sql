-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: marketplace/card_facts.sql
-- requires: marketplace/state_purchase.sql
-- What the service tells of a checkout session, and what time does to reservations.

-- Notes the session of a payment. Its purchase stays reserved until the session ends, and as long
-- after as an event may still be on its way. Asked again, it answers the same.
CREATE OR REPLACE FUNCTION bursar.attach_card_session(
    p_payment_id text, p_session_id text, p_expires_at text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_ends CONSTANT timestamptz := p_expires_at::timestamptz;
    v_until CONSTANT timestamptz := v_ends + make_interval(
        secs => (SELECT reserve_slack_seconds FROM public.marketplace_config));
    v_purchase_id uuid;
BEGIN
    IF NOT bursar.enter_gate() THEN
        PERFORM bursar.raise_refusal(bursar.refused('attach_card_session', 'DEGRADED'));
    END IF;
    v_purchase_id := (SELECT purchase_id FROM public.card_payments
        WHERE id = p_payment_id::uuid AND coalesce(session_id, p_session_id) = p_session_id);
    -- The purchase before its payment, as everybody else locks them. Without coalesce a plan that
    -- was made while the table had one row may look for the time, and read every reservation.
    UPDATE public.marketplace_purchases SET reserved_until = v_until
    WHERE id = v_purchase_id AND status = 'pending' AND coalesce(reserved_until > v_now, false);
    IF FOUND THEN
        UPDATE public.marketplace_purchase_items SET reserved_until = v_until
        WHERE purchase_id = v_purchase_id AND status = 'reserved';
    END IF;
    UPDATE public.card_payments SET session_id = p_session_id, expires_at = v_ends
    WHERE id = p_payment_id::uuid AND coalesce(session_id, p_session_id) = p_session_id;
    RETURN jsonb_build_object('attached', FOUND, 'reserved_until',
        CASE WHEN v_purchase_id IS NOT NULL THEN v_until END);
END
$$;

COMMENT ON FUNCTION bursar.attach_card_session(text, text, text) IS
    'Notes the checkout session of a card payment.';
REVOKE ALL ON FUNCTION bursar.attach_card_session(text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.attach_card_session(text, text, text)
    TO service_role, bursar_service;

-- Gives a payment up whose session could not be made: the purchase has failed, its leads are free.
CREATE OR REPLACE FUNCTION bursar.cancel_card_payment(p_payment_id text, p_reason text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    p public.card_payments;
    v_written boolean;
BEGIN
    IF NOT bursar.enter_gate() THEN
        PERFORM bursar.raise_refusal(bursar.refused('cancel_card_payment', 'DEGRADED'));
    END IF;
    SELECT * INTO p FROM public.card_payments WHERE id = p_payment_id::uuid;
    PERFORM FROM public.marketplace_purchases WHERE id = p.purchase_id FOR NO KEY UPDATE;
    -- Where a session is known the buyer can pay, and keeps what is reserved until it ends.
    UPDATE public.card_payments SET status = 'failed'
    WHERE id = p.id AND status = 'pending' AND paid_at IS NULL AND session_id IS NULL;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('cancelled', false);
    END IF;
    IF p.purchase_id IS NOT NULL THEN
        PERFORM FROM public.leads AS l
        WHERE l.id = ANY (ARRAY(SELECT i.lead_id FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = p.purchase_id)) ORDER BY l.id FOR NO KEY UPDATE;
        v_written := bursar.state_purchase(p.purchase_id, 'failed');
    END IF;
    INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
    VALUES ('card_payment_cancelled', 'service', p.workspace_id,
        jsonb_build_object('payment_id', p.id, 'reason', left(p_reason, 500)), v_now);
    RETURN jsonb_build_object('cancelled', true);
END
$$;

COMMENT ON FUNCTION bursar.cancel_card_payment(text, text) IS
    'Gives up a card payment whose session could not be made.';
REVOKE ALL ON FUNCTION bursar.cancel_card_payment(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.cancel_card_payment(text, text) TO service_role, bursar_service;

-- The sweeper: ends card purchases whose reservation has lapsed, oldest first; those that somebody
-- works on, or one of whose leads somebody holds, are left for the next time. It never waits. What
-- was paid and could not be settled, because a wallet is closed, waits for that and does not end.
-- Should their money come after all, they are taken up again.
CREATE OR REPLACE FUNCTION bursar.expire_lead_reservations(p_limit integer DEFAULT 200)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_id uuid;
    v_free boolean;
    v_written boolean;
    v_ended bigint := 0;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 0;
    END IF;
    FOREACH v_id IN ARRAY ARRAY(SELECT b.id FROM public.marketplace_purchases AS b
        WHERE b.status = 'pending' AND b.reserved_until <= v_now
            AND (SELECT (bursar.card_facts(c)).paid FROM public.card_payments AS c
                WHERE c.purchase_id = b.id LIMIT 1) IS NOT TRUE
        ORDER BY b.reserved_until LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED)
    LOOP
        v_free := (SELECT count(*) FROM public.marketplace_purchase_items AS i
            CROSS JOIN LATERAL (SELECT o.id FROM public.leads AS o WHERE o.id = i.lead_id
                FOR NO KEY UPDATE SKIP LOCKED) AS l
            WHERE i.purchase_id = v_id) = (SELECT count(*)
            FROM public.marketplace_purchase_items AS i WHERE i.purchase_id = v_id);
        IF v_free THEN
            v_written := bursar.state_purchase(v_id, 'expired');
            v_ended := v_ended + 1;
        END IF;
    END LOOP;
    RETURN v_ended;
END
$$;

COMMENT ON FUNCTION bursar.expire_lead_reservations(integer) IS
    'Ends card purchases whose reservation has lapsed; answers how many.';
REVOKE ALL ON FUNCTION bursar.expire_lead_reservations(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.expire_lead_reservations(integer)
    TO service_role, bursar_service;
