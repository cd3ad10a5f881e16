-- requires: ledger/clock.sql
-- requires: ledger/cap_window.sql
-- requires: community/community_credit.sql
-- requires: community/boost_post.sql
-- One user of the community as they see themselves: credits, penalties, how much of each award's
-- cap is used and when it frees up, and their games with what was reached. NULL where there is
-- nobody.
CREATE OR REPLACE FUNCTION bursar.read_member(p_user_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('now', bursar.clock(), 'user_id', u.id, 'username', u.username,
        'is_moderator', u.is_moderator,
        'challenge_penalty_until', u.challenge_penalty_until,
        'boost_penalty_until', u.boost_penalty_until,
        'credits', coalesce((SELECT w.balance FROM bursar.wallet AS w
            WHERE w.asset = 'community_credit' AND w.owner_id = u.id::text), 0),
        'boost_price', bursar.boost_price(),
        'awards', (SELECT coalesce(jsonb_agg(jsonb_build_object('award', a.award,
                'credits', a.credits, 'period', a.period, 'allowed', a.allowed,
                'used', (SELECT coalesce(sum(t.amount), 0) FROM public.credit_txns AS t
                    WHERE t.user_id = u.id AND t.reason = a.award
                        AND t.created_at >= a.bounds[1] AND t.created_at < a.bounds[2]),
                'frees_up_at', a.bounds[2]) ORDER BY a.award), '[]')
            FROM (SELECT *, bursar.cap_window(period, NULL, zone, bursar.clock()) AS bounds
                FROM public.awards) AS a),
        'games', (SELECT coalesce(jsonb_agg(jsonb_build_object('game', g.game,
                'points_max', g.points_max, 'points_per_second_max', g.points_per_second_max,
                'best', (SELECT max(s.points) FROM public.scores AS s
                    WHERE s.user_id = u.id AND s.game = g.game),
                'milestones', (SELECT coalesce(jsonb_agg(jsonb_build_object('points', m.points,
                        'credits', m.credits, 'awarded', EXISTS (
                            SELECT FROM public.credit_txns AS t WHERE t.user_id = u.id
                                AND t.idempotency_key
                                    = concat('milestone:', m.game, ':', m.points)))
                        ORDER BY m.points), '[]')
                    FROM public.milestones AS m WHERE m.game = g.game)) ORDER BY g.game), '[]')
            FROM public.games AS g))
    FROM public.users AS u
    WHERE u.id = CASE WHEN bursar.is_uuid(p_user_id) THEN p_user_id::uuid END
$$;

COMMENT ON FUNCTION bursar.read_member(text) IS 'A user of the community as they see themselves.';
REVOKE ALL ON FUNCTION bursar.read_member(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_member(text) TO service_role, bursar_service;
