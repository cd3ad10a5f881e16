-- requires: ledger/cap_window.sql
-- requires: claims/judge_claims.sql
-- requires: claims/store_config.sql
-- A user's shop, for pages.

-- A SKU's caps, each with its window now and how much of it the user has used. It counts what
-- exceeded_cap counts.
CREATE OR REPLACE FUNCTION bursar.caps_in_use(p_user_id text, p_sku text, p_at timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object('cap', c.cap, 'period', c.period,
            'rolling_seconds', c.rolling_seconds, 'measure', c.measure, 'allowed', c.allowed,
            'zone', z.zone, 'used', u.used, 'window_start', w.bounds[1], 'window_end',
            CASE WHEN c.period <> 'rolling' THEN w.bounds[2] END) ORDER BY c.cap)
        FROM public.sku_caps AS c
        CROSS JOIN LATERAL (SELECT CASE c.zone WHEN 'user' THEN coalesce((
                SELECT t.zone FROM public.user_time_zones AS t WHERE t.user_id = p_user_id), 'UTC')
            ELSE c.zone END AS zone) AS z
        CROSS JOIN LATERAL (SELECT bursar.cap_window(
            c.period, c.rolling_seconds, z.zone, p_at) AS bounds OFFSET 0) AS w
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE c.measure WHEN 'count' THEN 1 ELSE o.amount END), 0)::bigint
                AS used
            FROM (SELECT * FROM public.purchase_claims AS t
                WHERE t.user_id = p_user_id AND t.sku = p_sku OFFSET 0) AS o
            WHERE o.status <> 'refunded' AND NOT o.is_override
                AND CASE c.period WHEN 'rolling' THEN o.claimed_at > w.bounds[1]
                    ELSE o.claimed_at >= w.bounds[1] AND o.claimed_at < w.bounds[2] END) AS u
        WHERE c.sku = p_sku);
END
$$;

COMMENT ON FUNCTION bursar.caps_in_use(text, text, timestamptz) IS
    'A SKU''s caps, and how much of each a user has used.';
REVOKE ALL ON FUNCTION bursar.caps_in_use(text, text, timestamptz)
    FROM PUBLIC, anon, authenticated;

-- The wallet and what is owed to it, what is for sale with its caps and how much of them is used,
-- what was claimed lately, what was paid for and may be claimed, and what was accepted and waits.
-- `now` is the clock by which all of it is true: a page counts down from it.
CREATE OR REPLACE FUNCTION bursar.read_shop(p_user_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'now', bursar.clock(),
        'status', bursar.read_shop_status(),
        'wallet', (SELECT jsonb_build_object('user_id', w.user_id,
                'streakshield_count', w.streakshield_count,
                'xp_booster_until', w.xp_booster_until, 'updated_at', w.updated_at,
                'owed', coalesce((SELECT o.balance FROM bursar.wallet AS o
                    WHERE o.asset = 'streak_shield:owed' AND o.owner_id = w.user_id), 0))
            FROM public.user_wallet_balances AS w WHERE w.user_id = p_user_id),
        'skus', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', s.sku, 'title', s.title,
                'kind', s.kind, 'amount', s.amount, 'duration_seconds', s.duration_seconds,
                'stacking', s.stacking,
                'cap', bursar.exceeded_cap(p_user_id, s.sku, s.amount, bursar.clock()),
                'caps', bursar.caps_in_use(p_user_id, s.sku, bursar.clock())) ORDER BY s.sku), '[]')
            FROM public.skus AS s),
        'claims', (SELECT coalesce(jsonb_agg(jsonb_build_object('tx_id', c.tx_id, 'sku', c.sku,
                'claimed_at', c.claimed_at, 'status', c.status) ORDER BY c.claimed_at DESC), '[]')
            FROM (SELECT * FROM public.purchase_claims WHERE user_id = p_user_id
                ORDER BY claimed_at DESC LIMIT 20) AS c),
        'claimable', (SELECT coalesce(jsonb_agg(jsonb_build_object('tx_id', a.tx_id, 'sku', a.sku,
                'purchased_at', a.purchased_at) ORDER BY a.purchased_at), '[]')
            FROM (SELECT * FROM public.audit_purchases AS p
                WHERE p.user_id = p_user_id AND NOT p.is_refunded AND NOT p.is_provisional
                    AND p.environment = 'PRODUCTION' AND NOT EXISTS (
                        SELECT FROM public.purchase_claims AS c WHERE c.tx_id = p.tx_id)
                ORDER BY p.purchased_at LIMIT 20) AS a),
        'waiting', (SELECT coalesce(jsonb_agg(jsonb_build_object('tx_id', k.tx_id, 'sku', k.sku,
                'waits_for', k.waits_for, 'received_at', k.received_at)
                ORDER BY k.received_at, k.id), '[]')
            FROM (SELECT * FROM public.claim_queue
                WHERE user_id = p_user_id AND status = 'waiting'
                ORDER BY received_at, id LIMIT 20) AS k))
$$;

COMMENT ON FUNCTION bursar.read_shop(text) IS 'A user''s shop, for pages.';
REVOKE ALL ON FUNCTION bursar.read_shop(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_shop(text) TO service_role, bursar_service;
