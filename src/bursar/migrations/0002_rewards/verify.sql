-- Raises when the reward store's tables do not guard what they must.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['rewards', 'collected_rewards', 'user_credits']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.' || wanted.name)
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema public, or without row-level security: %', v_missing;
    END IF;
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['user_credits_balance_non_negative', 'collected_rewards_pkey'])
        AS wanted (name)
    LEFT JOIN pg_constraint ON conname = wanted.name AND convalidated
        AND connamespace = 'public'::regnamespace
    WHERE pg_constraint.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Constraints missing or not validated: %', v_missing;
    END IF;
    IF EXISTS (SELECT FROM public.user_credits WHERE balance < 0) THEN
        RAISE EXCEPTION 'There are negative balances in user_credits.';
    END IF;
END
$$;
