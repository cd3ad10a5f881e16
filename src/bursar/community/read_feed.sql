-- requires: ledger/clock.sql
-- requires: community/community_credit.sql
-- The feed as one user sees it, newest first, a page at a time; with what others and they
-- themselves felt about each post. Authors see their own posts also where they are hidden.
-- `boosted` are those that stand above the others now; the first page has them, and they keep their
-- place further down as well, so that a boost makes no page lose a post.
--
-- `next` is what to ask with as `p_before` for the page after this one; NULL on the last.
CREATE OR REPLACE FUNCTION bursar.read_feed(
    p_user_id text, p_limit integer DEFAULT 50, p_before text DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH page AS (
        SELECT o.*, row_number() OVER (ORDER BY o.created_at DESC, o.id DESC) AS place
        FROM (SELECT * FROM public.posts
            WHERE NOT is_deleted AND (user_id = p_user_id::uuid
                OR NOT is_hidden AND moderation_status = 'approved')
                AND (created_at, id) < (
                    coalesce(timestamptz 'epoch' + split_part(p_before, '_', 1)::bigint
                        * interval '1 microsecond', 'infinity'),
                    coalesce(split_part(p_before, '_', 2),
                        'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid)
            ORDER BY created_at DESC, id DESC LIMIT p_limit + 1) AS o),
    boosted AS (
        SELECT o.*, row_number() OVER (ORDER BY o.boosted_until DESC, o.id) AS place
        FROM public.posts AS o
        WHERE p_before IS NULL AND o.boosted_until > bursar.clock() AND NOT o.is_deleted
            AND NOT o.is_hidden AND o.moderation_status = 'approved'
        ORDER BY o.boosted_until DESC, o.id LIMIT 10),
    seen AS (
        SELECT p.above, p.place, jsonb_build_object('post_id', p.id, 'body', p.body,
            'author', u.username, 'mine', p.user_id = p_user_id::uuid,
            'is_hidden', p.is_hidden, 'moderation_status', p.moderation_status,
            'boosted_until', p.boosted_until, 'created_at', p.created_at,
            'reactions', (SELECT coalesce(jsonb_object_agg(c.reaction_type, c.n), '{}')
                FROM (SELECT r.reaction_type, count(*) AS n FROM public.post_reactions AS r
                    WHERE r.post_id = p.id GROUP BY 1) AS c),
            'felt', (SELECT coalesce(jsonb_agg(r.reaction_type ORDER BY r.reaction_type), '[]')
                FROM public.post_reactions AS r
                WHERE r.post_id = p.id AND r.user_id = p_user_id::uuid)) AS post
        FROM (SELECT true AS above, * FROM boosted
            UNION ALL SELECT false, * FROM page WHERE place <= p_limit) AS p
        JOIN public.users AS u ON u.id = p.user_id)
    SELECT jsonb_build_object('now', bursar.clock(), 'user_id', p_user_id,
        'boosted', coalesce(jsonb_agg(post ORDER BY place) FILTER (WHERE above), '[]'),
        'posts', coalesce(jsonb_agg(post ORDER BY place) FILTER (WHERE NOT above), '[]'),
        'next', (SELECT (extract(epoch FROM o.created_at) * 1000000)::bigint || '_' || o.id
            FROM page AS o
            WHERE o.place = p_limit AND EXISTS (SELECT FROM page WHERE place > p_limit)))
    FROM seen
$$;

COMMENT ON FUNCTION bursar.read_feed(text, integer, text) IS
    'A page of the feed as one user sees it.';
REVOKE ALL ON FUNCTION bursar.read_feed(text, integer, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_feed(text, integer, text) TO service_role, bursar_service;
