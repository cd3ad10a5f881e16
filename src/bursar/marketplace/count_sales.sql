-- requires: ledger/clock.sql
-- Writes what purchases, reservations and returns did to leads that are locked: how often each was
-- sold, and whether it can still be had. Called once the items say so. A lead that came from
-- elsewhere with sales of its own keeps them: they are changed by `p_change` and never counted
-- anew; and one that was said to be sold, whatever was counted, stays so.
CREATE OR REPLACE FUNCTION bursar.count_sales(p_lead_ids uuid[], p_change integer)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
BEGIN
    UPDATE public.leads AS l SET sold_count = l.sold_count + p_change,
        marketplace_status = CASE WHEN l.sold_count + p_change >= l.max_sales
                OR l.marketplace_status = 'sold' AND l.sold_count < l.max_sales THEN 'sold'
            WHEN l.sold_count + p_change + (SELECT count(*)
                FROM public.marketplace_purchase_items AS i
                WHERE i.lead_id = l.id AND i.status = 'reserved' AND i.reserved_until > v_now)
                >= l.max_sales THEN 'reserved'
            ELSE 'available' END,
        first_sold_at = CASE WHEN l.sold_count + p_change > 0
            THEN coalesce(l.first_sold_at, v_now) END,
        sold_at = CASE WHEN l.sold_count + p_change >= l.max_sales
            OR l.marketplace_status = 'sold' AND l.sold_count < l.max_sales
            THEN coalesce(l.sold_at, v_now) END
    WHERE l.id = ANY (p_lead_ids);
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION bursar.count_sales(uuid[], integer) IS
    'Writes how often locked leads were sold, and whether they can still be had.';
REVOKE ALL ON FUNCTION bursar.count_sales(uuid[], integer) FROM PUBLIC, anon, authenticated;
