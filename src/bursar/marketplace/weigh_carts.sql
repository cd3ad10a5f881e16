-- requires: marketplace/judge_carts.sql
-- requires: marketplace/tell_reservations.sql
-- requires: ledger/count_before_repeat.sql
-- What carts come to: each cart's total and fee, what stands in its way, and whether that refuses
-- it. Reasons to refuse, in order: RATE_LIMITED, PURCHASE_CONFLICT, PRICE_CHANGED, BUSY.
--
-- `p_wallets` are the locked wallets of those who are paid, or NULL where nobody is paid yet.
--
-- A workspace makes so many purchases in any sixty seconds; those that were refused for their leads
-- count as well, those refused for any other reason do not. Within a batch, whatever comes before
-- counts as if it were made.
CREATE OR REPLACE FUNCTION bursar.weigh_carts(
    p_carts bursar.cart[], p_items bursar.cart_item[], p_wallets bursar.wallet_state[]
) RETURNS TABLE (n integer, total bigint, fee bigint, items json, conflicts jsonb, refusal text,
    details jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_minute CONSTANT interval := interval '1 minute';
    v_limit CONSTANT bigint := (SELECT purchases_per_minute FROM public.marketplace_config);
    -- In the order in which they are locked, so that one is found by bisection.
    v_sellers CONSTANT uuid[] := ARRAY(SELECT s.owner_id::uuid FROM unnest(p_wallets) AS s);
BEGIN
    RETURN QUERY
    SELECT q.n, s.total, s.fee, s.items, s.conflicts,
        CASE WHEN q.refusal IS NOT NULL THEN q.refusal
            WHEN r.since > v_now - v_minute THEN 'RATE_LIMITED'
            -- Where some are enough, a lead that is busy may be one of them.
            WHEN s.conflicts <> '[]' AND NOT (q.allow_partial AND (s.total > 0 OR s.busy))
                THEN CASE WHEN s.only_prices THEN 'PRICE_CHANGED' ELSE 'PURCHASE_CONFLICT' END
            -- A lead that somebody holds, or that changed hands between the look-up and the lock.
            WHEN s.busy THEN 'BUSY' END,
        CASE WHEN q.refusal IS NOT NULL THEN q.details
            WHEN r.since > v_now - v_minute THEN jsonb_build_object('retry_after_seconds',
                greatest(1, ceil(extract(epoch FROM r.since + v_minute - v_now))::integer))
            WHEN s.conflicts <> '[]' AND NOT (q.allow_partial AND s.busy)
                THEN jsonb_build_object('conflicts',
                    bursar.tell_reservations(s.conflicts, q.buyer_workspace_id)) END
    FROM unnest(p_carts) AS q
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(i.price) FILTER (WHERE i.reason IS NULL), 0)::bigint AS total,
            coalesce(sum(i.fee) FILTER (WHERE i.reason IS NULL), 0)::bigint AS fee,
            -- As text, since building it value by value takes twice as long.
            concat('[', string_agg(concat('{"lead_id":"', i.lead_id, '","price":', i.price, '}'),
                ',') FILTER (WHERE i.reason IS NULL), ']')::json AS items,
            coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('lead_id', i.lead_id,
                    'reason', i.reason, 'price', CASE i.reason WHEN 'price_changed' THEN i.price
                    END))) FILTER (WHERE i.reason <> 'busy'), '[]') AS conflicts,
            coalesce(bool_and(i.reason = 'price_changed') FILTER (WHERE i.reason <> 'busy'), false)
                AS only_prices,
            coalesce(bool_or(i.reason = 'busy' OR i.reason IS NULL AND p_wallets IS NOT NULL
                AND v_sellers[width_bucket(i.seller_workspace_id, v_sellers)]
                    IS DISTINCT FROM i.seller_workspace_id), false) AS busy
        FROM unnest(p_items) AS i WHERE i.n = q.n) AS s
    -- The purchase that has to grow a minute old before another one may come. Rows are compared so
    -- that no other index than the buyer's can be chosen: by a plan made while the tables were
    -- small, everybody's last minute would be read.
    LEFT JOIN LATERAL (SELECT made.created_at AS since
        FROM (SELECT p.created_at FROM public.marketplace_purchases AS p
            WHERE (p.buyer_workspace_id, p.created_at) > (q.buyer_workspace_id, v_now - v_minute)
                AND (p.buyer_workspace_id, p.created_at) <= (q.buyer_workspace_id, 'infinity')
            UNION ALL
            SELECT a.created_at FROM (SELECT * FROM public.audit_logs AS t
                WHERE (t.workspace_id, t.created_at) > (q.buyer_workspace_id, v_now - v_minute)
                    AND (t.workspace_id, t.created_at) <= (q.buyer_workspace_id, 'infinity')
                OFFSET 0) AS a
            WHERE a.action = 'purchase_conflict' AND a.details ->> 'code' IS NOT NULL
            UNION ALL
            SELECT v_now FROM unnest(p_carts) AS c
            WHERE c.n < q.n AND c.buyer_workspace_id = q.buyer_workspace_id) AS made
        WHERE v_limit > 0
        ORDER BY made.created_at DESC OFFSET greatest(v_limit - 1, 0) LIMIT 1) AS r ON true;
END
$$;

COMMENT ON FUNCTION bursar.weigh_carts(
    bursar.cart[], bursar.cart_item[], bursar.wallet_state[]
) IS 'What carts come to, and what refuses them.';
REVOKE ALL ON FUNCTION bursar.weigh_carts(
    bursar.cart[], bursar.cart_item[], bursar.wallet_state[]
) FROM PUBLIC, anon, authenticated;

-- Carts that share a key or a lead depend on each other: answers those before the first that shares
-- one with a cart before it.
CREATE OR REPLACE FUNCTION bursar.independent_carts(p_carts bursar.cart[]) RETURNS bursar.cart[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF cardinality(p_carts) < 2 THEN
        RETURN p_carts;
    END IF;
    RETURN p_carts[:(SELECT least(
        bursar.count_before_repeat(array_agg(q.claim ORDER BY q.n)),
        (SELECT coalesce(min(r.n) - 1, cardinality(p_carts))
            FROM (SELECT c.n, row_number() OVER (PARTITION BY l.id ORDER BY c.n) AS place
                FROM unnest(p_carts) AS c CROSS JOIN LATERAL unnest(c.lead_ids) AS l (id)) AS r
            WHERE r.place > 1))
        FROM unnest(p_carts) AS q)];
END
$$;

COMMENT ON FUNCTION bursar.independent_carts(bursar.cart[]) IS
    'The carts before the first that depends on one before it.';
REVOKE ALL ON FUNCTION bursar.independent_carts(bursar.cart[]) FROM PUBLIC, anon, authenticated;
