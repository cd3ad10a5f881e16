-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/value_shape.sql
-- requires: community/community_credit.sql
-- What moderators do: hide and show posts, approve and reject them, and keep users from challenges
-- and boosts for a while. Everything is written down with its reason.
--
-- Fields: action (hide | show | approve | reject | penalise_challenges | penalise_boosts), post_id
-- or user_id and until (NULL lifts a penalty), reason, actor, [moderator_id: the user who asks,
-- where that is not the service itself].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND.
CREATE OR REPLACE FUNCTION bursar.moderate(p_request jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_action CONSTANT text := p_request ->> 'action';
    v_post_id uuid;
    v_user_id uuid;
    v_until timestamptz;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN bursar.refused('moderate', 'DEGRADED')::jsonb;
    END IF;
    IF v_action IS NULL OR v_action NOT IN ('hide', 'show', 'approve', 'reject',
        'penalise_challenges', 'penalise_boosts')
    THEN
        RETURN bursar.refused('moderate', 'MALFORMED', '{"field": "action"}')::jsonb;
    END IF;
    IF coalesce(btrim(p_request ->> 'reason'), '') = '' THEN
        RETURN bursar.refused('moderate', 'MALFORMED', '{"field": "reason"}')::jsonb;
    END IF;
    IF p_request ? 'moderator_id' AND NOT EXISTS (SELECT FROM public.users AS u
        WHERE u.id::text = lower(p_request ->> 'moderator_id') AND u.is_moderator)
    THEN
        RETURN bursar.refused('moderate', 'NOT_AUTHORIZED', '{}',
            'Only moderators do this.')::jsonb;
    END IF;
    IF v_action LIKE 'penalise%' THEN
        IF NOT coalesce(bursar.is_uuid(p_request ->> 'user_id'), false) THEN
            RETURN bursar.refused('moderate', 'MALFORMED', '{"field": "user_id"}')::jsonb;
        END IF;
        BEGIN
            v_until := (p_request ->> 'until')::timestamptz;
        EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
            RETURN bursar.refused('moderate', 'MALFORMED', '{"field": "until"}')::jsonb;
        END;
        UPDATE public.users SET
            challenge_penalty_until = CASE v_action WHEN 'penalise_challenges' THEN v_until
                ELSE challenge_penalty_until END,
            boost_penalty_until = CASE v_action WHEN 'penalise_boosts' THEN v_until
                ELSE boost_penalty_until END
        WHERE id = (p_request ->> 'user_id')::uuid RETURNING id INTO v_user_id;
        IF v_user_id IS NULL THEN
            RETURN bursar.refused('moderate', 'MALFORMED', '{"field": "user_id"}')::jsonb;
        END IF;
    ELSE
        UPDATE public.posts SET
            is_hidden = CASE v_action WHEN 'hide' THEN true WHEN 'show' THEN false
                ELSE is_hidden END,
            moderation_status = CASE v_action WHEN 'approve' THEN 'approved'
                WHEN 'reject' THEN 'rejected' ELSE moderation_status END
        WHERE id = CASE WHEN bursar.is_uuid(p_request ->> 'post_id')
            THEN (p_request ->> 'post_id')::uuid END
        RETURNING id INTO v_post_id;
        IF v_post_id IS NULL THEN
            RETURN bursar.refused('moderate', 'POST_NOT_FOUND',
                jsonb_build_object('post_id', p_request ->> 'post_id'))::jsonb;
        END IF;
    END IF;
    INSERT INTO public.moderation_actions (
        action, post_id, user_id, until, reason, actor, acted_at)
    VALUES (v_action, v_post_id, v_user_id, v_until, p_request ->> 'reason',
        coalesce(p_request ->> 'actor', 'service'), bursar.clock());
    RETURN jsonb_build_object('status', 'done', 'verb', 'moderate', 'action', v_action,
        'post_id', v_post_id, 'user_id', v_user_id, 'until', v_until);
END
$$;

COMMENT ON FUNCTION bursar.moderate(jsonb) IS 'Moderates a post or a user; answers the outcome.';
REVOKE ALL ON FUNCTION bursar.moderate(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.moderate(jsonb) TO service_role, bursar_service;
