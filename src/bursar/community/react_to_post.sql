-- requires: ledger/carry.sql
-- requires: ledger/lock_wallets.sql
-- requires: community/community_credit.sql
-- requires: community/award_credits.sql
-- react_to_post: one reaction of a kind by one user to one post. Where it is new, the post's author
-- is awarded; where it is not, nothing happens, however often it is sent.
--
-- Fields: post_id, user_id, reaction_type, caller {role, sub}, [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND, BUSY.
-- Locks: the authors' wallets; the post, against being deleted meanwhile.
CREATE OR REPLACE FUNCTION bursar.react_to_post_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'react_to_post';
    q CONSTANT jsonb := CASE jsonb_typeof(p_requests -> 0) WHEN 'object' THEN p_requests -> 0
        ELSE '{}' END;
    v_wallets bursar.wallet_state[];
    v_field text;
    v_post public.posts;
    v_reaction_id uuid;
    v_awarded bigint := 0;
BEGIN
    -- Requests are carried out one by one; the wallets of all of them are locked at the first.
    v_wallets := bursar.lock_wallets_of('community_credit', ARRAY(
        SELECT DISTINCT p.user_id::text FROM jsonb_array_elements(p_requests) AS r
        JOIN public.posts AS p ON p.id = CASE WHEN bursar.is_uuid(r ->> 'post_id')
            THEN (r ->> 'post_id')::uuid END), p_wait);
    v_field := CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'post_id'), false) THEN 'post_id'
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'user_id'), false) THEN 'user_id'
        WHEN q ->> 'reaction_type' IS NULL
            OR q ->> 'reaction_type' NOT IN ('love', 'like', 'laugh', 'wow', 'sad')
            THEN 'reaction_type'
        WHEN NOT EXISTS (SELECT FROM public.users AS u WHERE u.id = (q ->> 'user_id')::uuid)
            THEN 'user_id' END;
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    IF NOT bursar.speaks_for(q -> 'caller', q ->> 'user_id') THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOT_AUTHORIZED')];
    END IF;
    SELECT * INTO v_post FROM public.posts WHERE id = (q ->> 'post_id')::uuid FOR KEY SHARE;
    IF v_post.id IS NULL OR v_post.is_deleted OR v_post.is_hidden
        OR v_post.moderation_status <> 'approved'
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'POST_NOT_FOUND',
            jsonb_build_object('post_id', q ->> 'post_id'))];
    END IF;
    IF EXISTS (SELECT FROM unnest(v_wallets) AS s
        WHERE s.owner_id = v_post.user_id::text AND s.status = 'busy')
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'BUSY')];
    END IF;
    INSERT INTO public.post_reactions (post_id, user_id, reaction_type, created_at)
    VALUES (v_post.id, (q ->> 'user_id')::uuid, q ->> 'reaction_type', bursar.clock())
    ON CONFLICT (post_id, user_id, reaction_type) WHERE post_id IS NOT NULL DO NOTHING
    RETURNING id INTO v_reaction_id;
    -- One's own applause is worth nothing.
    IF v_reaction_id IS NOT NULL AND v_post.user_id <> (q ->> 'user_id')::uuid THEN
        v_awarded := bursar.award_credits(v_post.user_id, 'reaction_received', NULL,
            'reaction:' || v_reaction_id, p_wait);
    END IF;
    RETURN ARRAY[json_build_object('status', 'done', 'verb', v_verb, 'owner_id', v_post.user_id,
        'post_id', v_post.id, 'reaction_type', q ->> 'reaction_type',
        'created', v_reaction_id IS NOT NULL, 'amount', v_awarded,
        'reactions', (SELECT coalesce(json_object_agg(c.reaction_type, c.n), '{}')
            FROM (SELECT r.reaction_type, count(*) AS n FROM public.post_reactions AS r
                WHERE r.post_id = v_post.id GROUP BY 1) AS c),
        'replayed', v_reaction_id IS NULL)];
END
$$;

COMMENT ON FUNCTION bursar.react_to_post_batch(jsonb, boolean) IS 'Handler of react_to_post.';
REVOKE ALL ON FUNCTION bursar.react_to_post_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.react_to_post(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('react_to_post', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.react_to_post(jsonb) IS 'Reacts to posts; a batch.';
REVOKE ALL ON FUNCTION bursar.react_to_post(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.react_to_post(jsonb) TO service_role, bursar_service;
