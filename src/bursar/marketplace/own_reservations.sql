-- requires: marketplace/count_sales.sql
-- A buyer's own reservations never stand in their way: whoever has a lead reserved by an open card
-- checkout and buys it otherwise gives the reservation up. Purchases are locked after the wallets
-- and before the leads, in order of their ids; the buyer's wallet is locked, so that none is added
-- meanwhile.
CREATE OR REPLACE FUNCTION bursar.lock_own_reservations(p_carts bursar.cart[]) RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids uuid[] := ARRAY(
        SELECT DISTINCT p.id FROM unnest(p_carts) AS q
        -- Without OFFSET and LIMIT the planner may read whole indexes that were small when it
        -- planned.
        CROSS JOIN LATERAL (SELECT o.purchase_id FROM public.marketplace_purchase_items AS o
            WHERE o.lead_id = ANY (q.lead_ids) AND o.status = 'reserved' OFFSET 0) AS i
        CROSS JOIN LATERAL (SELECT b.id, b.status, b.buyer_workspace_id
            FROM public.marketplace_purchases AS b WHERE b.id = i.purchase_id LIMIT 1) AS p
        WHERE q.refusal IS NULL AND p.status = 'pending'
            AND p.buyer_workspace_id = q.buyer_workspace_id);
BEGIN
    IF cardinality(v_ids) > 0 THEN
        PERFORM FROM public.marketplace_purchases WHERE id = ANY (v_ids) ORDER BY id
        FOR NO KEY UPDATE;
    END IF;
    RETURN v_ids;
END
$$;

COMMENT ON FUNCTION bursar.lock_own_reservations(bursar.cart[]) IS
    'Locks the open card purchases in which buyers reserved the same leads themselves.';
REVOKE ALL ON FUNCTION bursar.lock_own_reservations(bursar.cart[])
    FROM PUBLIC, anon, authenticated;

-- Of those purchases, the ones that give way to carts that were bought or reserved: their own
-- buyer's, with one of their leads. `p_made` says of each cart whether it was.
CREATE OR REPLACE FUNCTION bursar.reservations_given_up(
    p_carts bursar.cart[], p_items bursar.cart_item[], p_made boolean[], p_own uuid[]
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT b.id FROM public.marketplace_purchases AS b
        WHERE b.id = ANY (p_own) AND EXISTS (
            -- Without the OFFSET the planner may look for each lead among everybody's.
            SELECT FROM (SELECT t.lead_id FROM public.marketplace_purchase_items AS t
                WHERE t.purchase_id = b.id OFFSET 0) AS o
            JOIN unnest(p_items) AS i ON i.lead_id = o.lead_id
            JOIN unnest(p_carts) AS q ON q.n = i.n
            WHERE q.buyer_workspace_id = b.buyer_workspace_id AND p_made[q.n]
                AND i.reason IS NULL));
END
$$;

COMMENT ON FUNCTION bursar.reservations_given_up(
    bursar.cart[], bursar.cart_item[], boolean[], uuid[]
) IS 'The open card purchases that give way to what their own buyers bought or reserved.';
REVOKE ALL ON FUNCTION bursar.reservations_given_up(
    bursar.cart[], bursar.cart_item[], boolean[], uuid[]
) FROM PUBLIC, anon, authenticated;

-- The open card purchases in which a buyer reserved some of these leads, but for the one that is
-- looked at. Those that a checkout superseded can still be paid for, and then these give way.
CREATE OR REPLACE FUNCTION bursar.own_reservations(
    p_buyer_workspace_id uuid, p_lead_ids uuid[], p_but_for uuid
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        -- As above, for the planner.
        SELECT DISTINCT p.id FROM (SELECT o.purchase_id FROM public.marketplace_purchase_items AS o
            WHERE o.lead_id = ANY (p_lead_ids) AND o.status = 'reserved' OFFSET 0) AS i
        CROSS JOIN LATERAL (SELECT b.id, b.status, b.buyer_workspace_id
            FROM public.marketplace_purchases AS b WHERE b.id = i.purchase_id LIMIT 1) AS p
        WHERE p.status = 'pending' AND p.buyer_workspace_id = p_buyer_workspace_id
            AND p.id <> p_but_for);
END
$$;

COMMENT ON FUNCTION bursar.own_reservations(uuid, uuid[], uuid) IS
    'The other open card purchases in which a buyer reserved some of these leads.';
REVOKE ALL ON FUNCTION bursar.own_reservations(uuid, uuid[], uuid)
    FROM PUBLIC, anon, authenticated;

-- Ends locked purchases that are still pending, and lets go of what they reserved. Answers the
-- leads.
CREATE OR REPLACE FUNCTION bursar.release_reservations(p_purchase_ids uuid[], p_status text)
RETURNS uuid[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_lead_ids uuid[];
BEGIN
    UPDATE public.marketplace_purchases SET status = p_status, reserved_until = NULL
    WHERE id = ANY (p_purchase_ids) AND status = 'pending';
    WITH released AS (
        UPDATE public.marketplace_purchase_items SET status = 'released', reserved_until = NULL
        WHERE purchase_id = ANY (p_purchase_ids) AND status = 'reserved'
        RETURNING lead_id)
    SELECT array_agg(DISTINCT lead_id) INTO v_lead_ids FROM released;
    RETURN coalesce(v_lead_ids, '{}');
END
$$;

COMMENT ON FUNCTION bursar.release_reservations(uuid[], text) IS
    'Ends pending purchases and lets go of what they reserved.';
REVOKE ALL ON FUNCTION bursar.release_reservations(uuid[], text) FROM PUBLIC, anon, authenticated;
