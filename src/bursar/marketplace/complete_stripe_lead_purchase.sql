-- requires: marketplace/take_stripe_event.sql
-- complete_stripe_lead_purchase: records that a card purchase was paid, and completes it: for
-- callers who learned of the payment otherwise than by our webhook. It is an event like any other,
-- so the webhook's own, before or after, changes nothing more.
--
-- Fields: purchase_id, payment_intent, [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, EXTERNAL_ID_TAKEN (the payment
-- intent paid for something else), BUSY, WALLET_CLOSED.
CREATE OR REPLACE FUNCTION bursar.complete_stripe_lead_purchase_batch(
    p_requests jsonb, p_wait boolean
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'complete_stripe_lead_purchase';
    q CONSTANT jsonb := p_requests -> 0;
    p public.card_payments;
    v_field CONSTANT text := CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'purchase_id'), false) THEN 'purchase_id'
        WHEN NOT coalesce(bursar.is_printable(q ->> 'payment_intent', 255), false)
            OR jsonb_typeof(q -> 'payment_intent') <> 'string' THEN 'payment_intent' END;
    v_event jsonb;
    v_outcome json;
BEGIN
    -- Requests are carried out one by one; what any of them needs is locked at the first.
    PERFORM bursar.lock_payment_intents(ARRAY(
        SELECT r ->> 'payment_intent' FROM jsonb_array_elements(p_requests) AS r));
    PERFORM bursar.lock_card_payments(bursar.payments_named(p_requests), p_wait);
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    SELECT * INTO p FROM public.card_payments WHERE purchase_id = (q ->> 'purchase_id')::uuid;
    IF p.id IS NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'PURCHASE_NOT_FOUND',
            jsonb_build_object('purchase_id', q -> 'purchase_id'))];
    ELSIF EXISTS (SELECT FROM public.card_payments AS o
        WHERE o.payment_intent = q ->> 'payment_intent' AND o.id <> p.id)
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'EXTERNAL_ID_TAKEN',
            jsonb_build_object('payment_intent', q -> 'payment_intent'))];
    END IF;
    v_event := jsonb_build_object('id', 'told ' || (q ->> 'payment_intent'),
        'type', 'checkout.session.completed', 'livemode', p.mode = 'live',
        'created', floor(extract(epoch FROM bursar.clock())),
        'data', jsonb_build_object('object', jsonb_build_object('object', 'checkout.session',
            'client_reference_id', p.id, 'payment_intent', q -> 'payment_intent',
            'payment_status', 'paid', 'amount_total', p.amount, 'currency', p.currency)));
    v_outcome := (bursar.take_stripe_event_batch(jsonb_build_array(jsonb_build_object(
        'event', v_event, 'actor', coalesce(q ->> 'actor', 'service'))), p_wait))[1];
    RETURN ARRAY[CASE v_outcome ->> 'status' WHEN 'done'
        THEN bursar.lead_purchase_outcome(
            v_verb, p.purchase_id, (v_outcome ->> 'replayed')::boolean)
        ELSE bursar.refused(v_verb, v_outcome ->> 'code', (v_outcome -> 'details')::jsonb) END];
END
$$;

COMMENT ON FUNCTION bursar.complete_stripe_lead_purchase_batch(jsonb, boolean) IS
    'Handler of complete_stripe_lead_purchase.';
REVOKE ALL ON FUNCTION bursar.complete_stripe_lead_purchase_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- Where a purchase stands, as an outcome.
CREATE OR REPLACE FUNCTION bursar.lead_purchase_outcome(
    p_verb text, p_purchase_id uuid, p_replayed boolean
) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT json_build_object('status', 'done', 'verb', p_verb, 'purchase_id', b.id,
            'owner_id', b.buyer_workspace_id, 'purchase_status', b.status,
            'total_price', b.total_price, 'items', (
                SELECT json_agg(json_build_object('lead_id', i.lead_id, 'price', i.price,
                    'status', i.status) ORDER BY i.lead_id)
                -- Without the OFFSET the planner may read an index whole, because it is in order.
                FROM (SELECT * FROM public.marketplace_purchase_items AS t
                    WHERE t.purchase_id = b.id OFFSET 0) AS i),
            'replayed', p_replayed)
        FROM public.marketplace_purchases AS b WHERE b.id = p_purchase_id);
END
$$;

COMMENT ON FUNCTION bursar.lead_purchase_outcome(text, uuid, boolean) IS
    'Where a purchase stands, as an outcome.';
REVOKE ALL ON FUNCTION bursar.lead_purchase_outcome(text, uuid, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.complete_stripe_lead_purchase(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('complete_stripe_lead_purchase', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.complete_stripe_lead_purchase(jsonb) IS
    'Records that card purchases were paid, and completes them; a batch.';
REVOKE ALL ON FUNCTION bursar.complete_stripe_lead_purchase(jsonb)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.complete_stripe_lead_purchase(jsonb)
    TO service_role, bursar_service;

CREATE OR REPLACE FUNCTION public.complete_stripe_lead_purchase(
    p_purchase_id uuid, p_payment_intent_id text
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.carry('complete_stripe_lead_purchase', jsonb_build_array(jsonb_build_object(
        'purchase_id', p_purchase_id, 'payment_intent', p_payment_intent_id,
        'actor', 'sql:' || bursar.caller_role())))::jsonb -> 0
$$;

COMMENT ON FUNCTION public.complete_stripe_lead_purchase(uuid, text) IS
    'Records that a card purchase was paid, and completes it; answers the outcome.';
REVOKE ALL ON FUNCTION public.complete_stripe_lead_purchase(uuid, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.complete_stripe_lead_purchase(uuid, text)
    TO service_role, bursar_service;
