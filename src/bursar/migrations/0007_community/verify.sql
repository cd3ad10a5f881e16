-- Raises when the community's tables do not guard what they must.
DO $$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(wanted.name, ', ') INTO v_missing
    FROM unnest(ARRAY['users', 'posts', 'post_reactions', 'scores', 'games', 'milestones', 'awards',
        'credit_txns', 'moderation_actions']) AS wanted (name)
    LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.' || wanted.name)
        AND pg_class.relrowsecurity
    WHERE pg_class.oid IS NULL;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Missing in schema public, or without row-level security: %', v_missing;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'public.post_reactions'::regclass
        AND contype = 'f' AND confrelid = 'public.posts'::regclass AND confdeltype = 'n'
        AND convalidated)
    THEN
        RAISE EXCEPTION 'Reactions do not outlive their posts.';
    END IF;
    IF to_regclass('public.post_reactions_once') IS NULL
        OR NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'credit_txns_once')
    THEN
        RAISE EXCEPTION 'Nothing keeps a reaction or an award from coming twice.';
    END IF;
END
$$;
