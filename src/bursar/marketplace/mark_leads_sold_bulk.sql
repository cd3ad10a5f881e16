-- requires: marketplace/complete_stripe_lead_purchase.sql
-- mark_leads_sold_bulk: marks the leads of a purchase as sold, if it was paid; for callers of the
-- older way in steps, and for a payment that could not be settled when its event came, because a
-- wallet was closed. A purchase that has its leads already is answered as it stands.
--
-- Fields: purchase_id, [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, PURCHASE_NOT_FOUND, NOT_PAID, BUSY, WALLET_CLOSED.
CREATE OR REPLACE FUNCTION bursar.mark_leads_sold_bulk_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'mark_leads_sold_bulk';
    q CONSTANT jsonb := p_requests -> 0;
    b public.marketplace_purchases;
    p public.card_payments;
    v_all jsonb;
    v_barred text;
    v_settled boolean;
BEGIN
    -- Requests are carried out one by one; what any of them needs is locked at the first.
    v_all := bursar.lock_card_payments(bursar.payments_named(p_requests), p_wait);
    IF NOT coalesce(bursar.is_uuid(q ->> 'purchase_id'), false) THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', '{"field": "purchase_id"}')];
    END IF;
    SELECT * INTO b FROM public.marketplace_purchases WHERE id = (q ->> 'purchase_id')::uuid;
    IF b.id IS NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'PURCHASE_NOT_FOUND',
            jsonb_build_object('purchase_id', q -> 'purchase_id'))];
    END IF;
    SELECT * INTO p FROM public.card_payments WHERE purchase_id = b.id;
    IF p.id IS NOT NULL AND p.paid_at IS NULL THEN
        v_barred := v_all ->> p.id::text;
        IF NOT (bursar.card_facts(p)).paid THEN
            RETURN ARRAY[bursar.refused(v_verb, 'NOT_PAID',
                jsonb_build_object('purchase_id', b.id, 'purchase_status', b.status))];
        ELSIF v_barred IS NOT NULL THEN
            RETURN ARRAY[bursar.refused(v_verb, v_barred,
                jsonb_build_object('purchase_id', b.id))];
        END IF;
        v_settled := bursar.settle_card_payment(p.id, coalesce(q ->> 'actor', 'service'));
    END IF;
    RETURN ARRAY[bursar.lead_purchase_outcome(v_verb, b.id, v_settled IS NULL)];
END
$$;

COMMENT ON FUNCTION bursar.mark_leads_sold_bulk_batch(jsonb, boolean) IS
    'Handler of mark_leads_sold_bulk.';
REVOKE ALL ON FUNCTION bursar.mark_leads_sold_bulk_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.mark_leads_sold_bulk(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('mark_leads_sold_bulk', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.mark_leads_sold_bulk(jsonb) IS
    'Marks the leads of paid purchases as sold; a batch.';
REVOKE ALL ON FUNCTION bursar.mark_leads_sold_bulk(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mark_leads_sold_bulk(jsonb) TO service_role, bursar_service;

CREATE OR REPLACE FUNCTION public.mark_leads_sold_bulk(p_purchase_id uuid) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.carry('mark_leads_sold_bulk', jsonb_build_array(jsonb_build_object(
        'purchase_id', p_purchase_id, 'actor', 'sql:' || bursar.caller_role())))::jsonb -> 0
$$;

COMMENT ON FUNCTION public.mark_leads_sold_bulk(uuid) IS
    'Marks the leads of a paid purchase as sold; answers the outcome.';
REVOKE ALL ON FUNCTION public.mark_leads_sold_bulk(uuid) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.mark_leads_sold_bulk(uuid) TO service_role, bursar_service;
