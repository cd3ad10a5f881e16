-- Raises when two seals could have one number, or somebody else could read them.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['seal', 'seal_block', 'seal_checkpoint']) AS wanted (name)
    LEFT JOIN pg_class AS c ON c.oid = to_regclass('bursar.' || wanted.name) AND c.relrowsecurity
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE k.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing, without a primary key or without row-level security: %',
            v_missing;
    END IF;
END
$$;
