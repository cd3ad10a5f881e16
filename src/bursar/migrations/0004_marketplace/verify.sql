-- Raises when the marketplace's tables do not guard what they must.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['leads', 'workspace_credits', 'marketplace_purchases',
        'marketplace_purchase_items', 'card_payments', 'card_payouts', 'card_refunds',
        'audit_logs', 'marketplace_config']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.' || wanted.name)
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema public, or without row-level security: %', v_missing;
    END IF;
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['leads_sold_at_most_max_sales', 'workspace_credits_balance_non_negative',
        'workspace_credits_totals_make_the_balance', 'marketplace_purchase_items_pkey',
        'card_payments_session_id_key', 'card_payments_payment_intent_key',
        'card_refunds_payment_id_key']) AS wanted (name)
    LEFT JOIN pg_constraint ON conname = wanted.name AND convalidated
        AND connamespace = 'public'::regnamespace
    WHERE pg_constraint.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Constraints missing or not validated: %', v_missing;
    END IF;
    IF EXISTS (SELECT FROM public.leads WHERE sold_count > max_sales) THEN
        RAISE EXCEPTION 'There are leads that were sold more often than they may be.';
    END IF;
END
$$;
