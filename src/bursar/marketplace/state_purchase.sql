-- requires: marketplace/count_sales.sql
-- requires: marketplace/own_reservations.sql
-- Writes what became of a card purchase that is locked, and lets go of leads that it no longer has:
-- reservations where it failed or expired, sales where all the money went back. A returned lead
-- goes on sale again. `p_status` NULL leaves the status as it is. While a method that pays later is
-- awaited, the reservation stays for two weeks, unless it has lapsed: then the leads may be
-- somebody else's by now.
CREATE OR REPLACE FUNCTION bursar.state_purchase(
    p_purchase_id uuid, p_status text, p_awaited boolean DEFAULT false
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_until CONSTANT timestamptz := v_now + interval '14 days';
    v_lead_ids uuid[];
    v_written boolean;
BEGIN
    IF p_status IS NULL THEN
        IF p_awaited THEN
            UPDATE public.marketplace_purchases SET reserved_until = v_until
            -- Without coalesce a plan that was made while the table had one row may look for the
            -- time, and read every reservation.
            WHERE id = p_purchase_id AND status = 'pending'
                AND coalesce(reserved_until > v_now, false);
            UPDATE public.marketplace_purchase_items SET reserved_until = v_until
            WHERE FOUND AND purchase_id = p_purchase_id AND status = 'reserved';
        END IF;
        RETURN false;
    END IF;
    IF p_status IN ('failed', 'expired') THEN
        v_lead_ids := bursar.release_reservations(ARRAY[p_purchase_id], p_status);
        v_written := bursar.count_sales(v_lead_ids, 0);
    ELSIF p_status = 'refunded' THEN
        WITH returned AS (
            UPDATE public.marketplace_purchase_items SET status = 'refunded', sold_at = NULL
            WHERE purchase_id = p_purchase_id AND status = 'sold'
            RETURNING lead_id)
        SELECT array_agg(lead_id) INTO v_lead_ids FROM returned;
        IF v_lead_ids IS NOT NULL THEN
            v_written := bursar.count_sales(v_lead_ids, -1);
        END IF;
    END IF;
    UPDATE public.marketplace_purchases SET status = p_status
    WHERE id = p_purchase_id AND status <> p_status;
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION bursar.state_purchase(uuid, text, boolean) IS
    'Writes what became of a card purchase, and lets go of leads that it no longer has.';
REVOKE ALL ON FUNCTION bursar.state_purchase(uuid, text, boolean) FROM PUBLIC, anon, authenticated;
