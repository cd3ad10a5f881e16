-- Raises when the ledger's tables are not as the kernel needs them.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['gate', 'asset', 'wallet', 'transaction', 'entry', 'hold', 'idempotency',
        'external_reference', 'metric_minute']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('bursar.' || quote_ident(wanted.name))
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema bursar, or without row-level security: %', v_missing;
    END IF;

    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['wallet_balance_non_negative', 'wallet_bursar_held',
        'hold_sum']) AS wanted (name)
    LEFT JOIN pg_constraint ON conname = wanted.name AND convalidated
        AND connamespace = 'bursar'::regnamespace
    WHERE pg_constraint.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Constraints missing or not validated: %', v_missing;
    END IF;

    IF (SELECT count(*) FROM bursar.gate) <> 1 THEN
        RAISE EXCEPTION 'bursar.gate must have exactly one row.';
    END IF;
    IF NOT pg_has_role('bursar_service', 'service_role', 'MEMBER') THEN
        RAISE EXCEPTION 'bursar_service must be a member of service_role.';
    END IF;
END
$$;
