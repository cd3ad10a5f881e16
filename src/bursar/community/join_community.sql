-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/value_shape.sql
-- requires: community/community_credit.sql
-- requires: community/award_credits.sql
-- Somebody comes into the community, under a name that nobody else has: a user of the app, with the
-- id that they have there, or whom the service makes one. Who is in it already stays as they are;
-- only the service gives them another password.
--
-- Fields: username, [user_id], [password_hash], caller {role, sub}.
-- Refusals, in order: DEGRADED, MALFORMED (also for a name that is taken), NOT_AUTHORIZED.
CREATE OR REPLACE FUNCTION bursar.join_community(p_request jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'join_community';
    v_name CONSTANT text := p_request ->> 'username';
    v_user public.users;
    v_created boolean;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN bursar.refused(v_verb, 'DEGRADED')::jsonb;
    END IF;
    IF v_name IS NULL OR NOT bursar.is_text(p_request -> 'username')
        OR length(v_name) NOT BETWEEN 2 AND 40 OR v_name ~ '[^A-Za-z0-9_.-]'
    THEN
        RETURN bursar.refused(v_verb, 'MALFORMED', '{"field": "username"}')::jsonb;
    END IF;
    IF NOT coalesce(bursar.is_uuid(p_request ->> 'user_id'), true) THEN
        RETURN bursar.refused(v_verb, 'MALFORMED', '{"field": "user_id"}')::jsonb;
    END IF;
    IF NOT coalesce(p_request ->> 'password_hash' LIKE 'scrypt$%$%$%$%$%', true) THEN
        RETURN bursar.refused(v_verb, 'MALFORMED', '{"field": "password_hash"}')::jsonb;
    END IF;
    IF NOT bursar.speaks_for(p_request -> 'caller', p_request ->> 'user_id') THEN
        RETURN bursar.refused(v_verb, 'NOT_AUTHORIZED')::jsonb;
    END IF;
    INSERT INTO public.users (id, username, password_hash, created_at)
    VALUES (coalesce((p_request ->> 'user_id')::uuid, gen_random_uuid()), v_name,
        p_request ->> 'password_hash', bursar.clock())
    ON CONFLICT DO NOTHING
    RETURNING * INTO v_user;
    v_created := v_user.id IS NOT NULL;
    IF NOT v_created AND p_request ->> 'user_id' IS NOT NULL THEN
        SELECT * INTO v_user FROM public.users WHERE id = (p_request ->> 'user_id')::uuid;
    END IF;
    IF v_user.id IS NULL THEN
        RETURN bursar.refused(v_verb, 'MALFORMED', '{"field": "username"}',
            'Somebody else has this name.')::jsonb;
    END IF;
    IF NOT v_created AND p_request ->> 'password_hash' IS NOT NULL
        AND p_request -> 'caller' ->> 'role' = 'service_role'
    THEN
        UPDATE public.users SET password_hash = p_request ->> 'password_hash'
        WHERE id = v_user.id;
    END IF;
    RETURN jsonb_build_object('status', 'done', 'verb', v_verb, 'user_id', v_user.id,
        'username', v_user.username, 'created', v_created);
END
$$;

COMMENT ON FUNCTION bursar.join_community(jsonb) IS
    'Makes somebody a user of the community; answers the outcome.';
REVOKE ALL ON FUNCTION bursar.join_community(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.join_community(jsonb) TO service_role, bursar_service;
