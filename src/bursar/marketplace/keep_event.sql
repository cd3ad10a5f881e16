-- requires: marketplace/read_stripe_events.sql
-- requires: ledger/refused.sql
-- requires: ledger/clock.sql
-- Keeps an event of Stripe for later, without any effect: what a door does while changes are
-- paused. It is exempt from the gate, because the inbox is no balance. What is kept is replayed as
-- take_stripe_event when changes go on.
CREATE OR REPLACE FUNCTION bursar.keep_event(p_event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    e CONSTANT bursar.card_event := (bursar.read_stripe_events(
        jsonb_build_array(jsonb_build_object('event', p_event))))[1];
BEGIN
    IF e.refusal IS NOT NULL THEN
        RETURN bursar.refused('keep_event', e.refusal, e.details);
    END IF;
    INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload,
        occurred_at, received_at, status)
    VALUES ('stripe', e.account, e.mode, e.event_id, e.type,
        coalesce(e.payment_id::text, e.session_id, e.payment_intent), e.payload, e.occurred_at,
        bursar.clock(), 'waiting')
    ON CONFLICT (provider, account, mode, event_id) DO UPDATE
    SET deliveries = bursar.inbox.deliveries + 1;
    RETURN jsonb_build_object('status', 'done', 'verb', 'keep_event', 'event_id', e.event_id,
        'effect', 'kept', 'replayed', false);
END
$$;

COMMENT ON FUNCTION bursar.keep_event(jsonb) IS 'Keeps an event of Stripe for later.';
REVOKE ALL ON FUNCTION bursar.keep_event(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.keep_event(jsonb) TO service_role, bursar_service;

-- What is kept and has had no effect yet, in the order in which it happened.
CREATE OR REPLACE FUNCTION bursar.waiting_stripe_events(p_limit integer DEFAULT 100) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('event', w.payload) ORDER BY w.occurred_at, w.id),
        '[]')
    -- Without the OFFSET the planner may look for the provider first, and read all of its events.
    FROM (SELECT i.payload, i.occurred_at, i.id
        FROM (SELECT * FROM bursar.inbox WHERE status = 'waiting' OFFSET 0) AS i
        WHERE i.provider = 'stripe' ORDER BY i.occurred_at, i.id LIMIT p_limit) AS w
$$;

COMMENT ON FUNCTION bursar.waiting_stripe_events(integer) IS
    'Events of Stripe that were kept and have had no effect yet.';
REVOKE ALL ON FUNCTION bursar.waiting_stripe_events(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.waiting_stripe_events(integer) TO service_role, bursar_service;
