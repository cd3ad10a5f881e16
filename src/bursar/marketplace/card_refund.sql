-- requires: ledger/clock.sql
-- requires: ledger/gate.sql
-- Money that is owed back to cards: a worker leases what is due, asks the card company for it under
-- the refund's id as its idempotency key, and settles what came of it. Whoever dies in between
-- leaves a lease that runs out; asked again, the card company refunds once.
CREATE OR REPLACE FUNCTION bursar.lease_card_refunds(
    p_limit integer DEFAULT 10, p_seconds integer DEFAULT 60
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_leased jsonb;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN '[]';
    END IF;
    WITH due AS (
        SELECT id FROM public.card_refunds
        WHERE status = 'owed' AND next_attempt_at <= v_now
        ORDER BY next_attempt_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE public.card_refunds AS r
        SET attempts = r.attempts + 1, next_attempt_at = v_now + make_interval(secs => p_seconds)
        FROM due WHERE r.id = due.id
        RETURNING r.*)
    SELECT jsonb_agg(jsonb_build_object('refund_id', l.id, 'payment_id', l.payment_id,
        'payment_intent', p.payment_intent, 'amount', l.amount, 'mode', p.mode,
        'attempts', l.attempts) ORDER BY l.created_at)
    INTO v_leased
    FROM leased AS l JOIN public.card_payments AS p ON p.id = l.payment_id;
    RETURN coalesce(v_leased, '[]');
END
$$;

COMMENT ON FUNCTION bursar.lease_card_refunds(integer, integer) IS
    'Leases refunds that are due to one worker.';
REVOKE ALL ON FUNCTION bursar.lease_card_refunds(integer, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.lease_card_refunds(integer, integer)
    TO service_role, bursar_service;

-- What the card company answered: its refund's id, or why it did not. Then it is tried again after
-- twice as long each time, at most an hour.
CREATE OR REPLACE FUNCTION bursar.settle_card_refund(
    p_id text, p_stripe_refund_id text, p_error text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    r public.card_refunds;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN NULL;
    END IF;
    UPDATE public.card_refunds
    SET status = CASE WHEN p_error IS NULL THEN 'issued' ELSE status END,
        refund_id = p_stripe_refund_id, last_error = left(p_error, 500),
        issued_at = CASE WHEN p_error IS NULL THEN coalesce(issued_at, v_now) ELSE issued_at END,
        next_attempt_at = v_now + least(interval '1 hour',
            interval '5 seconds' * 2 ^ least(attempts, 20))
    -- The card company's event may have told of the refund before its answer is noted here.
    WHERE id = p_id::uuid AND refund_id IS NULL
    RETURNING * INTO r;
    IF r.refund_id IS NOT NULL THEN
        INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
        SELECT 'refund_issued', 'service', p.workspace_id, jsonb_build_object(
            'payment_id', p.id, 'refund_id', r.refund_id, 'amount', r.amount,
            'currency', p.currency, 'attempts', r.attempts), v_now
        FROM public.card_payments AS p WHERE p.id = r.payment_id;
    END IF;
    RETURN jsonb_build_object('refund_id', r.id, 'status', r.status, 'attempts', r.attempts,
        'next_attempt_at', r.next_attempt_at);
END
$$;

COMMENT ON FUNCTION bursar.settle_card_refund(text, text, text) IS
    'Notes what the card company answered to a refund.';
REVOKE ALL ON FUNCTION bursar.settle_card_refund(text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.settle_card_refund(text, text, text)
    TO service_role, bursar_service;
