-- requires: ledger/carry.sql
-- requires: marketplace/complete_stripe_lead_purchase.sql
-- refund_lead_purchase: gives the credits of a purchase back, all of them, takes them from those
-- who were paid, and puts the leads on sale again. What a seller no longer has becomes debt. A
-- purchase by card is refunded at the card company; its event does the rest.
--
-- Fields: purchase_id, [reason], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, IDEMPOTENCY_MISMATCH, BUSY,
-- NOT_REFUNDABLE, REFUND_EXCEEDED, WALLET_CLOSED, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.refund_lead_purchase_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'refund_lead_purchase';
    q CONSTANT jsonb := p_requests -> 0;
    v_ids CONSTANT uuid[] := ARRAY(
        SELECT CASE WHEN bursar.is_uuid(r ->> 'purchase_id') THEN (r ->> 'purchase_id')::uuid END
        FROM jsonb_array_elements(p_requests) AS r);
    b public.marketplace_purchases;
    v_outcome json;
    v_written boolean;
BEGIN
    -- Requests are carried out one by one; what any of them needs is locked at the first.
    PERFORM bursar.lock_wallets_of('workspace_credit', ARRAY(
        SELECT p.buyer_workspace_id::text FROM public.marketplace_purchases AS p
        WHERE p.id = ANY (v_ids)
        UNION SELECT i.seller_workspace_id::text FROM public.marketplace_purchase_items AS i
        WHERE i.purchase_id = ANY (v_ids)), p_wait);
    PERFORM FROM public.marketplace_purchases WHERE id = ANY (v_ids) ORDER BY id
    FOR NO KEY UPDATE;
    PERFORM FROM public.leads WHERE id = ANY (ARRAY(
        SELECT i.lead_id FROM public.marketplace_purchase_items AS i
        WHERE i.purchase_id = ANY (v_ids)))
    ORDER BY id FOR NO KEY UPDATE;
    IF NOT coalesce(bursar.is_uuid(q ->> 'purchase_id'), false) THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', '{"field": "purchase_id"}')];
    END IF;
    SELECT * INTO b FROM public.marketplace_purchases WHERE id = (q ->> 'purchase_id')::uuid;
    IF b.id IS NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'PURCHASE_NOT_FOUND',
            jsonb_build_object('purchase_id', q -> 'purchase_id'))];
    ELSIF b.transaction_id IS NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOT_REFUNDABLE', jsonb_build_object(
            'purchase_id', b.id, 'payment_method', b.payment_method, 'status', b.status))];
    END IF;
    v_outcome := (bursar.carry_out(jsonb_build_array(jsonb_build_object('verb', 'refund',
        'transaction_id', b.transaction_id,
        'reason', coalesce(q -> 'reason', to_jsonb('leads of purchase ' || b.id)),
        'key', q -> 'key', 'principal', q -> 'principal', 'actor', q -> 'actor')), p_wait))[1];
    IF v_outcome ->> 'status' = 'refused' THEN
        RETURN ARRAY[bursar.refused(v_verb, v_outcome ->> 'code', (v_outcome -> 'details')::jsonb)];
    ELSIF v_outcome ->> 'replayed' = 'false' THEN
        v_written := bursar.state_purchase(b.id, 'refunded');
    END IF;
    RETURN ARRAY[bursar.lead_purchase_outcome(
        v_verb, b.id, (v_outcome ->> 'replayed')::boolean)];
END
$$;

COMMENT ON FUNCTION bursar.refund_lead_purchase_batch(jsonb, boolean) IS
    'Handler of refund_lead_purchase.';
REVOKE ALL ON FUNCTION bursar.refund_lead_purchase_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.refund_lead_purchase(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('refund_lead_purchase', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.refund_lead_purchase(jsonb) IS
    'Refunds purchases that were made for credits; a batch.';
REVOKE ALL ON FUNCTION bursar.refund_lead_purchase(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.refund_lead_purchase(jsonb) TO service_role, bursar_service;
