-- Takes the functions of the community away. Tables that hold rows stay, with their guards, and so
-- does the asset: a rollback leaves balances untouched and drops no data. Empty tables go.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc
        WHERE pronamespace IN ('bursar'::regnamespace, 'public'::regnamespace)
            AND proname = ANY (ARRAY[
        'award_credits', 'boost_post', 'boost_post_batch', 'boost_price', 'delete_post',
        'join_community', 'moderate', 'react_to_post', 'react_to_post_batch', 'read_feed',
        'read_member', 'read_sign_in', 'speaks_for', 'submit_score', 'submit_score_batch',
        'write_post'])
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
    PERFORM bursar.build_handlers();
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM public.users)
        OR EXISTS (SELECT FROM bursar.entry WHERE asset = 'community_credit')
    THEN
        RETURN;
    END IF;
    DROP TABLE public.moderation_actions, public.credit_txns, public.awards, public.milestones,
        public.games, public.scores, public.post_reactions, public.posts, public.users;
    PERFORM bursar.forget_asset('community_credit');
    DROP FUNCTION public.reactions_are_permanent();
END
$$;
