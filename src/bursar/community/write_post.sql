-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/value_shape.sql
-- requires: community/community_credit.sql
-- requires: community/award_credits.sql
-- Posts are written, deleted and moderated. No credits move, so these are no verbs of the engine;
-- they enter the gate like every writer and answer an outcome.

-- Fields: user_id, body, [post_id], caller. Refusals, in order: DEGRADED, MALFORMED,
-- NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH. Whoever names the post's id may send the request again: the
-- post is written once.
CREATE OR REPLACE FUNCTION bursar.write_post(p_request jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_body CONSTANT text := btrim(p_request ->> 'body');
    v_post public.posts;
    v_created boolean;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN bursar.refused('write_post', 'DEGRADED')::jsonb;
    END IF;
    IF NOT coalesce(bursar.is_uuid(p_request ->> 'user_id'), false) OR NOT EXISTS (
        SELECT FROM public.users WHERE id = (p_request ->> 'user_id')::uuid)
    THEN
        RETURN bursar.refused('write_post', 'MALFORMED', '{"field": "user_id"}')::jsonb;
    END IF;
    IF NOT bursar.is_text(p_request -> 'body') OR coalesce(length(v_body), 0) NOT BETWEEN 1 AND 2000
    THEN
        RETURN bursar.refused('write_post', 'MALFORMED', '{"field": "body"}')::jsonb;
    END IF;
    IF NOT coalesce(bursar.is_uuid(p_request ->> 'post_id'), true) THEN
        RETURN bursar.refused('write_post', 'MALFORMED', '{"field": "post_id"}')::jsonb;
    END IF;
    IF NOT bursar.speaks_for(p_request -> 'caller', p_request ->> 'user_id') THEN
        RETURN bursar.refused('write_post', 'NOT_AUTHORIZED')::jsonb;
    END IF;
    INSERT INTO public.posts (id, user_id, body, created_at)
    VALUES (coalesce((p_request ->> 'post_id')::uuid, gen_random_uuid()),
        (p_request ->> 'user_id')::uuid, v_body, bursar.clock())
    ON CONFLICT (id) DO NOTHING
    RETURNING * INTO v_post;
    v_created := v_post.id IS NOT NULL;
    IF NOT v_created THEN
        SELECT * INTO v_post FROM public.posts WHERE id = (p_request ->> 'post_id')::uuid
            AND user_id = (p_request ->> 'user_id')::uuid AND body = v_body;
        IF v_post.id IS NULL THEN
            RETURN bursar.refused('write_post', 'IDEMPOTENCY_MISMATCH')::jsonb;
        END IF;
    END IF;
    RETURN jsonb_build_object('status', 'done', 'verb', 'write_post', 'post_id', v_post.id,
        'owner_id', v_post.user_id, 'body', v_post.body, 'created_at', v_post.created_at,
        'replayed', NOT v_created);
END
$$;

COMMENT ON FUNCTION bursar.write_post(jsonb) IS 'Writes a post; answers the outcome.';
REVOKE ALL ON FUNCTION bursar.write_post(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.write_post(jsonb) TO service_role, bursar_service;

-- The author deletes a post, or a moderator does; its reactions stay, and refer to nothing.
-- Fields: post_id, user_id, caller. Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED,
-- POST_NOT_FOUND.
CREATE OR REPLACE FUNCTION bursar.delete_post(p_request jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_post public.posts;
    v_kept bigint;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN bursar.refused('delete_post', 'DEGRADED')::jsonb;
    END IF;
    IF NOT coalesce(bursar.is_uuid(p_request ->> 'post_id'), false) THEN
        RETURN bursar.refused('delete_post', 'MALFORMED', '{"field": "post_id"}')::jsonb;
    END IF;
    IF NOT bursar.speaks_for(p_request -> 'caller', p_request ->> 'user_id') THEN
        RETURN bursar.refused('delete_post', 'NOT_AUTHORIZED')::jsonb;
    END IF;
    SELECT * INTO v_post FROM public.posts WHERE id = (p_request ->> 'post_id')::uuid FOR UPDATE;
    IF v_post.id IS NULL THEN
        RETURN bursar.refused('delete_post', 'POST_NOT_FOUND',
            jsonb_build_object('post_id', p_request ->> 'post_id'))::jsonb;
    END IF;
    IF v_post.user_id::text <> lower(p_request ->> 'user_id') AND NOT EXISTS (
        SELECT FROM public.users AS u
        WHERE u.id::text = lower(p_request ->> 'user_id') AND u.is_moderator)
    THEN
        RETURN bursar.refused('delete_post', 'NOT_AUTHORIZED', '{}',
            'Only its author deletes a post.')::jsonb;
    END IF;
    v_kept := (SELECT count(*) FROM public.post_reactions WHERE post_id = v_post.id);
    DELETE FROM public.posts WHERE id = v_post.id;
    RETURN jsonb_build_object('status', 'done', 'verb', 'delete_post', 'post_id', v_post.id,
        'owner_id', v_post.user_id, 'reactions_kept', v_kept);
END
$$;

COMMENT ON FUNCTION bursar.delete_post(jsonb) IS 'Deletes a post; answers the outcome.';
REVOKE ALL ON FUNCTION bursar.delete_post(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.delete_post(jsonb) TO service_role, bursar_service;
