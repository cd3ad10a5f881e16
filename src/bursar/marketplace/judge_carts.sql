-- requires: marketplace/workspace_credit.sql
-- requires: ledger/clock.sql
-- Locks the leads of carts, sorted by id, then reads them in the next statement and says of each
-- whether its buyer can have it. The wallets are locked before. Without waiting, a lead that
-- somebody else holds is busy.
--
-- The leads of `p_purchase_ids`, whose reservations may be given up, are locked along with them.
--
-- A lead can be had while what was sold and what others hold in reserve are fewer than `max_sales`.
-- A reservation that has lapsed counts no more, whether it was swept up or not; one's own never
-- stands in one's own way.
CREATE OR REPLACE FUNCTION bursar.judge_carts(
    p_carts bursar.cart[], p_purchase_ids uuid[], p_wait boolean
) RETURNS bursar.cart_item[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids CONSTANT uuid[] := bursar.leads_of(p_carts, p_purchase_ids);
    v_locked uuid[];  -- where nobody is waited for
    v_busy boolean;
    v_now timestamptz;
    v_basis_points bigint;
    -- The leads that there are, by place in the order of their ids: how often each can be sold yet.
    l_id uuid[]; l_seller uuid[]; l_price bigint[]; l_listed boolean[]; l_left bigint[];
BEGIN
    -- The index is read in the order of the ids: that is the lock order. What a lock was waited for
    -- is read as it is then.
    IF p_wait THEN
        SELECT array_agg(o.id), array_agg(o.seller_workspace_id), array_agg(o.price),
            array_agg(o.is_marketplace_listed), array_agg(o.free)
        INTO l_id, l_seller, l_price, l_listed, l_left
        FROM (SELECT t.*, CASE t.marketplace_status WHEN 'sold' THEN 0
                ELSE t.max_sales - t.sold_count END AS free
            FROM public.leads AS t WHERE t.id = ANY (v_ids)
            ORDER BY t.id FOR NO KEY UPDATE) AS o;
    ELSE
        v_locked := ARRAY(SELECT t.id FROM public.leads AS t WHERE t.id = ANY (v_ids)
            ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED);
        SELECT array_agg(o.id), array_agg(o.seller_workspace_id), array_agg(o.price),
            array_agg(o.is_marketplace_listed), array_agg(o.free)
        INTO l_id, l_seller, l_price, l_listed, l_left
        FROM (SELECT t.*, CASE t.marketplace_status WHEN 'sold' THEN 0
                ELSE t.max_sales - t.sold_count END AS free
            FROM public.leads AS t WHERE t.id = ANY (v_ids) ORDER BY t.id) AS o;
    END IF;
    -- What is given up is let go of with all of its leads, or not now.
    v_busy := NOT p_wait AND cardinality(p_purchase_ids) > 0 AND EXISTS (
        SELECT FROM public.marketplace_purchase_items AS i
        WHERE i.purchase_id = ANY (p_purchase_ids) AND i.lead_id <> ALL (v_locked));
    v_now := bursar.clock();
    v_basis_points := (SELECT fee_basis_points FROM public.marketplace_config);
    RETURN ARRAY(
        SELECT ROW(q.n, l.id, o.seller, o.price,
            -- Rounded down, item by item; in two parts, so that it cannot overflow.
            o.price / 10000 * v_basis_points + o.price % 10000 * v_basis_points / 10000,
            CASE WHEN o.seller IS NULL THEN 'not_found'
                WHEN o.seller = q.buyer_workspace_id THEN 'own_lead'
                WHEN taken.owned THEN 'already_purchased'
                WHEN o.free <= 0 THEN 'sold'
                WHEN NOT o.listed THEN 'not_listed'
                WHEN NOT p_wait AND (v_busy OR l.id <> ALL (v_locked)) THEN 'busy'
                WHEN o.free <= taken.reserved THEN 'reserved'
                WHEN (q.expected_prices ->> l.id::text)::bigint <> o.price THEN 'price_changed'
                END)::bursar.cart_item
        FROM unnest(p_carts) AS q
        CROSS JOIN LATERAL unnest(q.lead_ids) AS l (id)
        CROSS JOIN LATERAL (SELECT width_bucket(l.id, l_id) AS place OFFSET 0) AS p
        LEFT JOIN LATERAL (SELECT l_seller[p.place] AS seller, l_price[p.place] AS price,
            l_listed[p.place] AS listed, l_left[p.place] AS free) AS o ON l_id[p.place] = l.id
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE i.status = 'reserved' AND i.reserved_until > v_now
                    AND b.buyer_workspace_id <> q.buyer_workspace_id) AS reserved,
                coalesce(bool_or(i.status = 'sold'
                    AND b.buyer_workspace_id = q.buyer_workspace_id), false) AS owned
            FROM public.marketplace_purchase_items AS i
            -- Without the LIMIT the planner may read a whole table that was small when it planned.
            CROSS JOIN LATERAL (SELECT t.buyer_workspace_id FROM public.marketplace_purchases AS t
                WHERE t.id = i.purchase_id LIMIT 1) AS b
            WHERE i.lead_id = l.id AND i.status IN ('reserved', 'sold')) AS taken
        WHERE q.refusal IS NULL
        ORDER BY q.n, l.id);
END
$$;

COMMENT ON FUNCTION bursar.judge_carts(bursar.cart[], uuid[], boolean) IS
    'Locks the leads of carts and says which of them their buyers can have.';
REVOKE ALL ON FUNCTION bursar.judge_carts(bursar.cart[], uuid[], boolean)
    FROM PUBLIC, anon, authenticated;

-- The leads of carts, and those of the purchases `p_purchase_ids`: each once, sorted.
CREATE OR REPLACE FUNCTION bursar.leads_of(p_carts bursar.cart[], p_purchase_ids uuid[])
RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    -- Joined as arrays, because for a UNION the planner may read a whole index in order.
    RETURN ARRAY(SELECT DISTINCT t.id FROM unnest(
        ARRAY(SELECT l.id FROM unnest(p_carts) AS q
            CROSS JOIN LATERAL unnest(q.lead_ids) AS l (id) WHERE q.refusal IS NULL)
        || ARRAY(SELECT i.lead_id FROM public.marketplace_purchase_items AS i
            WHERE i.purchase_id = ANY (p_purchase_ids))) AS t (id) ORDER BY 1);
END
$$;

COMMENT ON FUNCTION bursar.leads_of(bursar.cart[], uuid[]) IS
    'The leads of carts and of purchases, sorted.';
REVOKE ALL ON FUNCTION bursar.leads_of(bursar.cart[], uuid[]) FROM PUBLIC, anon, authenticated;

-- The owners of the wallets that carts may touch: buyers and, as far as the leads are there,
-- sellers.
CREATE OR REPLACE FUNCTION bursar.workspaces_of(p_carts bursar.cart[]) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT q.buyer_workspace_id::text FROM unnest(p_carts) AS q WHERE q.refusal IS NULL
        UNION
        SELECT s.id::text FROM unnest(p_carts) AS q
        -- Without the OFFSET the planner may read the index of sellers, whole and in order.
        CROSS JOIN LATERAL (SELECT DISTINCT l.id
            FROM (SELECT o.seller_workspace_id AS id FROM public.leads AS o
                WHERE o.id = ANY (q.lead_ids) OFFSET 0) AS l) AS s
        WHERE q.refusal IS NULL);
END
$$;

COMMENT ON FUNCTION bursar.workspaces_of(bursar.cart[]) IS
    'The owners of the wallets that carts may touch.';
REVOKE ALL ON FUNCTION bursar.workspaces_of(bursar.cart[]) FROM PUBLIC, anon, authenticated;
