-- requires: marketplace/workspace_credit.sql
-- A purchase as its buyer's receipt shows it, and a top-up; NULL where there is none, or where it
-- is another workspace's than `p_workspace_id`. Amounts are whole credits; money is in minor units.
CREATE OR REPLACE FUNCTION bursar.read_lead_purchase(
    p_purchase_id text, p_workspace_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('purchase_id', b.id, 'buyer_workspace_id', b.buyer_workspace_id,
        'status', b.status, 'payment_method', b.payment_method, 'total_price', b.total_price,
        'fee', b.fee, 'created_at', b.created_at, 'completed_at', b.completed_at,
        'reserved_until', b.reserved_until, 'transaction_id', b.transaction_id,
        'items', (SELECT jsonb_agg(jsonb_build_object('lead_id', i.lead_id, 'title', l.title,
                'price', i.price, 'status', i.status) ORDER BY l.title, i.lead_id)
            FROM public.marketplace_purchase_items AS i
            JOIN public.leads AS l ON l.id = i.lead_id WHERE i.purchase_id = b.id),
        'payment', (SELECT jsonb_build_object('payment_id', p.id, 'status', p.status,
                'amount', p.amount, 'currency', p.currency, 'refunded', p.refunded,
                'disputed', p.disputed, 'owed', p.owed, 'session_id', p.session_id,
                'expires_at', p.expires_at)
            FROM public.card_payments AS p WHERE p.purchase_id = b.id))
    FROM public.marketplace_purchases AS b
    WHERE b.id = CASE WHEN bursar.is_uuid(p_purchase_id) THEN p_purchase_id::uuid END
        AND (p_workspace_id IS NULL OR b.buyer_workspace_id::text = lower(p_workspace_id))
$$;

COMMENT ON FUNCTION bursar.read_lead_purchase(text, text) IS 'A purchase of leads, or NULL.';
REVOKE ALL ON FUNCTION bursar.read_lead_purchase(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_lead_purchase(text, text) TO service_role, bursar_service;

CREATE OR REPLACE FUNCTION bursar.read_top_up(
    p_payment_id text, p_workspace_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('payment_id', p.id, 'workspace_id', p.workspace_id,
        'status', p.status, 'credits', p.credits, 'amount', p.amount, 'currency', p.currency,
        'refunded', p.refunded, 'disputed', p.disputed, 'session_id', p.session_id,
        'created_at', p.created_at, 'paid_at', p.paid_at)
    FROM public.card_payments AS p
    WHERE p.id = CASE WHEN bursar.is_uuid(p_payment_id) THEN p_payment_id::uuid END
        AND p.purchase_id IS NULL
        AND (p_workspace_id IS NULL OR p.workspace_id::text = lower(p_workspace_id))
$$;

COMMENT ON FUNCTION bursar.read_top_up(text, text) IS 'A top-up by card, or NULL.';
REVOKE ALL ON FUNCTION bursar.read_top_up(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_top_up(text, text) TO service_role, bursar_service;
