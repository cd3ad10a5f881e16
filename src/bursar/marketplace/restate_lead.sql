-- requires: ledger/clock.sql
-- Whether a lead can be had, when its seller changes how often it may be sold: one that was sold
-- out goes on sale again, one that was sold so often already goes off. One that came from elsewhere
-- as sold, without a count of its sales, stays so. Reading the items takes more than a seller may
-- see.
CREATE OR REPLACE FUNCTION bursar.restate_lead() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_reserved CONSTANT bigint := (SELECT count(*) FROM public.marketplace_purchase_items AS i
        WHERE i.lead_id = NEW.id AND i.status = 'reserved' AND i.reserved_until > v_now);
BEGIN
    IF OLD.marketplace_status = 'sold' AND OLD.sold_count < OLD.max_sales THEN
        RETURN NEW;
    END IF;
    NEW.marketplace_status := CASE WHEN NEW.sold_count >= NEW.max_sales THEN 'sold'
        WHEN NEW.sold_count + v_reserved >= NEW.max_sales THEN 'reserved'
        ELSE 'available' END;
    NEW.sold_at := CASE WHEN NEW.marketplace_status = 'sold' THEN coalesce(NEW.sold_at, v_now) END;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.restate_lead() IS
    'Trigger of leads: says anew whether a lead can be had when it may be sold more or less often.';
REVOKE ALL ON FUNCTION bursar.restate_lead() FROM PUBLIC, anon, authenticated;
