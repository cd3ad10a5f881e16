-- Raises when generation's tables do not guard what they must.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['profiles', 'generation_products', 'generation_jobs', 'generation_outputs',
        'generation_deductions', 'generation_events']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.' || wanted.name)
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema public, or without row-level security: %', v_missing;
    END IF;
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['profiles_credits_non_negative', 'generation_jobs_pkey',
        'generation_jobs_hold_key', 'generation_jobs_deduction_key', 'generation_jobs_paid_for',
        'generation_jobs_ended', 'generation_deductions_pkey']) AS wanted (name)
    LEFT JOIN pg_constraint ON conname = wanted.name AND convalidated
        AND connamespace = 'public'::regnamespace
    WHERE pg_constraint.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Constraints missing or not validated: %', v_missing;
    END IF;
END
$$;
