-- What came of a card payment: how it stands, the purchase that it pays for, and the transactions
-- by which somebody was paid. NULL where there is no such payment.
CREATE OR REPLACE FUNCTION bursar.what_came_of_payment(p_payment_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('payment_id', p.id, 'purchase_id', p.purchase_id,
        'workspace_id', p.workspace_id, 'status', p.status, 'mode', p.mode,
        'transaction_ids', (SELECT coalesce(jsonb_agg(o.transaction_id ORDER BY o.place), '[]')
            FROM public.card_payouts AS o WHERE o.payment_id = p.id))
    FROM public.card_payments AS p WHERE p.id = p_payment_id::uuid
$$;

COMMENT ON FUNCTION bursar.what_came_of_payment(text) IS
    'How a card payment stands, and the transactions that paid somebody.';
REVOKE ALL ON FUNCTION bursar.what_came_of_payment(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.what_came_of_payment(text) TO service_role, bursar_service;
