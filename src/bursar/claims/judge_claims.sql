-- requires: claims/streak_shield.sql
-- requires: claims/read_claims.sql
-- requires: ledger/cap_window.sql
-- Judges claims, under the locks of their users' wallets and of their purchases, by the clock after
-- the locks. Reasons to refuse, in order: TRANSACTION_OWNED_BY_OTHER (claimed, or bought, by
-- somebody else), TRANSACTION_REFUNDED, SKU_DISABLED, UNKNOWN_TRANSACTION, MALFORMED (bought as
-- another SKU), BOOSTER_ACTIVE, CAP_EXCEEDED. What the same user has claimed already is no reason:
-- `known` holds its outcome.

-- The purchase that a claim means. The sandbox's are no purchases here, unless it is allowed. Where
-- two stores gave out one id, the one that belongs to the claimer is meant.
CREATE OR REPLACE FUNCTION bursar.claimed_purchase(q bursar.claim_request)
RETURNS public.audit_purchases
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_found public.audit_purchases;
BEGIN
    SELECT p.* INTO v_found
    FROM (SELECT * FROM public.audit_purchases AS a WHERE a.tx_id = q.tx_id
        UNION ALL SELECT * FROM public.audit_purchases AS a
        WHERE coalesce(a.transaction_id, a.tx_id) = q.tx_id AND a.tx_id <> q.tx_id) AS p
    WHERE p.store = coalesce(q.store, p.store)
        AND p.environment = coalesce(q.environment, p.environment)
        AND (p.environment = 'PRODUCTION' OR (SELECT c.value = 'true'
            FROM public.store_config AS c WHERE c.key = 'sandbox_claims'))
    ORDER BY p.user_id = q.user_id OR q.user_id = ANY (p.aliases) DESC,
        p.environment = 'PRODUCTION' DESC, p.tx_id
    LIMIT 1;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.claimed_purchase(bursar.claim_request) IS
    'The purchase that a claim means.';
REVOKE ALL ON FUNCTION bursar.claimed_purchase(bursar.claim_request)
    FROM PUBLIC, anon, authenticated;

-- The claim that there is of it already. A claim that plain SQL recorded may have no purchase; a
-- purchase of another store than the one that was named is another's.
CREATE OR REPLACE FUNCTION bursar.earlier_claim(q bursar.claim_request, p_tx_id text)
RETURNS public.purchase_claims
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_found public.purchase_claims;
BEGIN
    SELECT * INTO v_found FROM public.purchase_claims WHERE tx_id = coalesce(p_tx_id, q.tx_id);
    IF p_tx_id IS NULL AND EXISTS (SELECT FROM public.audit_purchases AS a
        WHERE a.tx_id = q.tx_id AND (a.store <> q.store OR a.environment <> q.environment))
    THEN
        RETURN NULL;
    END IF;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.earlier_claim(bursar.claim_request, text) IS
    'The claim that there is of a purchase already.';
REVOKE ALL ON FUNCTION bursar.earlier_claim(bursar.claim_request, text)
    FROM PUBLIC, anon, authenticated;

-- The cap that a claim of so much would exceed now; NULL where there is none.
-- Claims that were taken back, and those that an operator granted beyond the caps, do not count.
CREATE OR REPLACE FUNCTION bursar.exceeded_cap(
    p_user_id text, p_sku text, p_amount bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('cap', c.cap, 'period', c.period, 'measure', c.measure,
            'allowed', c.allowed, 'used', u.used, 'zone', z.zone,
            'window_start', w.bounds[1], 'window_end',
            CASE WHEN c.period <> 'rolling' THEN w.bounds[2] END,
            'frees_up_at', f.at)
        FROM public.sku_caps AS c
        CROSS JOIN LATERAL (SELECT CASE c.zone WHEN 'user' THEN coalesce((
                SELECT t.zone FROM public.user_time_zones AS t WHERE t.user_id = p_user_id), 'UTC')
            ELSE c.zone END AS zone) AS z
        CROSS JOIN LATERAL (SELECT bursar.cap_window(
            c.period, c.rolling_seconds, z.zone, p_at) AS bounds OFFSET 0) AS w
        CROSS JOIN LATERAL (SELECT CASE c.measure WHEN 'count' THEN 1 ELSE p_amount END
            AS wanted) AS n
        CROSS JOIN LATERAL (
            SELECT coalesce(max(k.upto), 0)::bigint AS used,
                -- The newest of those that must have left before this claim fits in.
                max(k.claimed_at) FILTER (WHERE k.upto > c.allowed - n.wanted) AS in_the_way
            FROM (SELECT o.claimed_at, sum(CASE c.measure WHEN 'count' THEN 1 ELSE o.amount END)
                    OVER (ORDER BY o.claimed_at DESC, o.tx_id) AS upto
                -- Without the OFFSET a young shop's plan reads all claims, for their order.
                FROM (SELECT * FROM public.purchase_claims AS t
                    WHERE t.user_id = p_user_id AND t.sku = p_sku OFFSET 0) AS o
                WHERE o.status <> 'refunded' AND NOT o.is_override
                    -- A rolling window leaves out its start, a calendar window holds it.
                    AND CASE c.period WHEN 'rolling' THEN o.claimed_at > w.bounds[1]
                        ELSE o.claimed_at >= w.bounds[1] AND o.claimed_at < w.bounds[2] END) AS k
        ) AS u
        -- What is more than the whole cap never fits.
        CROSS JOIN LATERAL (SELECT CASE WHEN n.wanted > c.allowed THEN NULL
            WHEN c.period <> 'rolling' THEN w.bounds[2]
            ELSE u.in_the_way + make_interval(secs => c.rolling_seconds) END AS at) AS f
        WHERE c.sku = p_sku AND u.used + n.wanted > c.allowed
        -- Of several caps the one is told that stays in the way longest.
        ORDER BY f.at DESC NULLS FIRST, c.cap
        LIMIT 1);
END
$$;

COMMENT ON FUNCTION bursar.exceeded_cap(text, text, bigint, timestamptz) IS
    'The cap that a claim would exceed, or NULL.';
REVOKE ALL ON FUNCTION bursar.exceeded_cap(text, text, bigint, timestamptz)
    FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.judge_claims(p_claims bursar.claim_request[])
RETURNS bursar.claim_verdict[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_enabled CONSTANT jsonb := coalesce((SELECT value FROM public.store_config
        WHERE key = 'sku_enabled'), '{}');
BEGIN
    RETURN ARRAY(
        SELECT ROW(q.n, v_now, coalesce(p.tx_id, q.tx_id), s.kind, s.asset, s.amount,
            w.xp_booster_until,
            CASE s.stacking
                WHEN 'max' THEN greatest(w.xp_booster_until, v_now + d.duration)
                WHEN 'extend' THEN greatest(w.xp_booster_until, v_now) + d.duration
                WHEN 'reject' THEN v_now + d.duration END,
            w.booster_seq, v.refusal,
            CASE v.refusal WHEN 'CAP_EXCEEDED' THEN x.cap
                WHEN 'BOOSTER_ACTIVE' THEN jsonb_build_object('until', w.xp_booster_until)
                WHEN 'MALFORMED' THEN coalesce(q.details, '{"field": "sku"}')
                WHEN 'UNKNOWN_TRANSACTION' THEN jsonb_strip_nulls(jsonb_build_object(
                    'tx_id', q.tx_id, 'provisional', nullif(p.is_provisional, false)))
                ELSE coalesce(q.details, '{}') || jsonb_build_object(
                    'sku', q.sku, 'tx_id', q.tx_id) END,
            CASE WHEN v.known THEN coalesce(c.outcome, json_build_object('status', 'done', 'verb',
                'claim_purchase', 'tx_id', c.tx_id, 'sku', c.sku, 'user_id', c.user_id,
                'claimed_at', c.claimed_at, 'amount', c.amount, 'transaction_id', NULL,
                'wallet', json_build_object('user_id', w.user_id,
                    'streakshield_count', w.streakshield_count,
                    'xp_booster_until', w.xp_booster_until, 'updated_at', w.updated_at),
                'replayed', false)) END)::bursar.claim_verdict
        FROM unnest(p_claims) AS q
        CROSS JOIN LATERAL bursar.claimed_purchase(q) AS p
        CROSS JOIN LATERAL bursar.earlier_claim(q, p.tx_id) AS c
        LEFT JOIN LATERAL (SELECT * FROM public.skus AS t WHERE t.sku = q.sku LIMIT 1) AS s ON true
        LEFT JOIN LATERAL (SELECT * FROM public.user_wallet_balances AS t
            WHERE t.user_id = q.user_id LIMIT 1) AS w ON true
        CROSS JOIN LATERAL (SELECT make_interval(secs => s.duration_seconds) AS duration) AS d
        CROSS JOIN LATERAL (SELECT c.user_id = q.user_id AND c.status <> 'refunded' AS known,
            CASE WHEN q.refusal IS NOT NULL THEN q.refusal
                WHEN c.user_id <> q.user_id THEN 'TRANSACTION_OWNED_BY_OTHER'
                WHEN c.status = 'refunded' THEN 'TRANSACTION_REFUNDED'
                WHEN c.tx_id IS NOT NULL THEN NULL
                WHEN p.user_id <> q.user_id AND q.user_id <> ALL (p.aliases)
                    THEN 'TRANSACTION_OWNED_BY_OTHER'
                WHEN p.is_refunded THEN 'TRANSACTION_REFUNDED'
                WHEN q.override_reason IS NULL
                    AND v_enabled -> q.sku IS DISTINCT FROM 'true' THEN 'SKU_DISABLED'
                WHEN p.tx_id IS NULL OR p.is_provisional THEN 'UNKNOWN_TRANSACTION'
                WHEN s.sku IS NULL OR p.sku <> q.sku THEN 'MALFORMED'
                WHEN s.stacking = 'reject' AND w.xp_booster_until > v_now
                    THEN 'BOOSTER_ACTIVE' END AS refusal OFFSET 0) AS e
        CROSS JOIN LATERAL (SELECT CASE WHEN e.refusal IS NULL AND c.tx_id IS NULL
                AND q.override_reason IS NULL
            THEN bursar.exceeded_cap(q.user_id, q.sku, s.amount, v_now) END AS cap OFFSET 0) AS x
        CROSS JOIN LATERAL (SELECT coalesce(e.refusal,
                CASE WHEN x.cap IS NOT NULL THEN 'CAP_EXCEEDED' END) AS refusal,
            coalesce(e.known, false) AND q.refusal IS NULL AS known OFFSET 0) AS v
        ORDER BY q.n);
END
$$;

COMMENT ON FUNCTION bursar.judge_claims(bursar.claim_request[]) IS
    'Judges claims under their locks.';
REVOKE ALL ON FUNCTION bursar.judge_claims(bursar.claim_request[]) FROM PUBLIC, anon, authenticated;
