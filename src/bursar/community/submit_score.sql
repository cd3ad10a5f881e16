-- requires: ledger/carry.sql
-- requires: ledger/lock_wallets.sql
-- requires: community/community_credit.sql
-- requires: community/award_credits.sql
-- submit_score: what a user scored in one round of a game, once. A milestone that is reached for
-- the first time is awarded.
--
-- Fields: user_id, game, round_id, points, duration_sec, caller {role, sub}, [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED (also for more points than the game has, or than fit into
-- the time), NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH (the round was scored otherwise), PENALTY_ACTIVE,
-- BUSY.
-- Locks: the users' wallets; the user.
CREATE OR REPLACE FUNCTION bursar.submit_score_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'submit_score';
    q CONSTANT jsonb := CASE jsonb_typeof(p_requests -> 0) WHEN 'object' THEN p_requests -> 0
        ELSE '{}' END;
    v_wallets bursar.wallet_state[];
    v_field text;
    v_game public.games;
    v_user public.users;
    v_score public.scores;
    v_created boolean := false;
    v_awarded bigint := 0;
    m public.milestones;
BEGIN
    -- Requests are carried out one by one; the wallets of all of them are locked at the first.
    v_wallets := bursar.lock_wallets_of('community_credit', ARRAY(
        SELECT DISTINCT lower(r ->> 'user_id') FROM jsonb_array_elements(p_requests) AS r
        WHERE bursar.is_uuid(r ->> 'user_id')), p_wait);
    SELECT * INTO v_game FROM public.games WHERE game = q ->> 'game';
    -- Who never had a credit has no wallet to be locked.
    SELECT * INTO v_user FROM public.users
    WHERE id = CASE WHEN bursar.is_uuid(q ->> 'user_id') THEN (q ->> 'user_id')::uuid END
    FOR NO KEY UPDATE;
    v_field := CASE
        WHEN v_user.id IS NULL THEN 'user_id'
        WHEN v_game.game IS NULL THEN 'game'
        WHEN NOT coalesce(bursar.is_printable(q ->> 'round_id', 100), false)
            OR q ->> 'round_id' = '' THEN 'round_id'
        WHEN NOT bursar.is_whole(q -> 'duration_sec', 1, 86400) THEN 'duration_sec'
        WHEN NOT bursar.is_whole(q -> 'points', 0, least(v_game.points_max,
            v_game.points_per_second_max * (q ->> 'duration_sec')::bigint)) THEN 'points' END;
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    IF NOT bursar.speaks_for(q -> 'caller', q ->> 'user_id') THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOT_AUTHORIZED')];
    END IF;
    SELECT * INTO v_score FROM public.scores WHERE user_id = v_user.id
        AND game = v_game.game AND round_id = q ->> 'round_id';
    IF v_score.id IS NOT NULL AND (v_score.points, v_score.duration_sec)
        <> ((q ->> 'points')::bigint, (q ->> 'duration_sec')::bigint)
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'IDEMPOTENCY_MISMATCH',
            jsonb_build_object('round_id', q ->> 'round_id'))];
    END IF;
    IF v_score.id IS NULL AND v_user.challenge_penalty_until > bursar.clock() THEN
        RETURN ARRAY[bursar.refused(v_verb, 'PENALTY_ACTIVE',
            jsonb_build_object('until', v_user.challenge_penalty_until))];
    END IF;
    IF EXISTS (SELECT FROM unnest(v_wallets) AS s
        WHERE s.owner_id = v_user.id::text AND s.status = 'busy')
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'BUSY')];
    END IF;
    IF v_score.id IS NULL THEN
        INSERT INTO public.scores (user_id, game, round_id, points, duration_sec, created_at)
        VALUES (v_user.id, v_game.game, q ->> 'round_id', (q ->> 'points')::bigint,
            (q ->> 'duration_sec')::bigint, bursar.clock())
        ON CONFLICT (user_id, game, round_id) DO NOTHING
        RETURNING * INTO v_score;
        v_created := v_score.id IS NOT NULL;
    END IF;
    IF v_created THEN
        FOR m IN SELECT * FROM public.milestones
            WHERE game = v_game.game AND points <= v_score.points ORDER BY points
        LOOP
            v_awarded := v_awarded + bursar.award_credits(v_user.id, 'score_milestone', m.credits,
                concat('milestone:', m.game, ':', m.points), p_wait);
        END LOOP;
    END IF;
    RETURN ARRAY[json_build_object('status', 'done', 'verb', v_verb, 'owner_id', v_user.id,
        'score_id', v_score.id, 'game', v_game.game, 'points', v_score.points,
        'duration_sec', v_score.duration_sec, 'created', v_created, 'amount', v_awarded,
        'best', (SELECT max(points) FROM public.scores
            WHERE user_id = v_user.id AND game = v_game.game),
        'replayed', NOT v_created)];
END
$$;

COMMENT ON FUNCTION bursar.submit_score_batch(jsonb, boolean) IS 'Handler of submit_score.';
REVOKE ALL ON FUNCTION bursar.submit_score_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.submit_score(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('submit_score', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.submit_score(jsonb) IS 'Takes scores of rounds, each once; a batch.';
REVOKE ALL ON FUNCTION bursar.submit_score(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.submit_score(jsonb) TO service_role, bursar_service;
