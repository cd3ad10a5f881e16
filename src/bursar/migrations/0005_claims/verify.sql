-- Raises when the tables of claims do not guard what they must.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['skus', 'sku_caps', 'user_time_zones', 'user_wallet_balances',
        'booster_changes', 'audit_purchases', 'purchase_transfers', 'purchase_claims',
        'claims_over_cap', 'claim_queue', 'store_config', 'store_config_changes',
        'function_metrics']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.' || wanted.name)
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema public, or without row-level security: %', v_missing;
    END IF;
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['purchase_claims_pkey', 'audit_purchases_pkey', 'claim_queue_once',
        'user_wallet_balances_streakshield_count_non_negative']) AS wanted (name)
    LEFT JOIN pg_constraint ON conname = wanted.name AND convalidated
        AND connamespace = 'public'::regnamespace
    WHERE pg_constraint.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Constraints missing or not validated: %', v_missing;
    END IF;
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['idx_purchase_claims_user_sku_time', 'idx_user_wallet_balances_user_id',
        'audit_purchases_transaction_key']) AS wanted (name)
    LEFT JOIN pg_index ON indexrelid = to_regclass('public.' || wanted.name) AND indisvalid
    WHERE indexrelid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Indexes missing or not valid: %', v_missing;
    END IF;
END
$$;
