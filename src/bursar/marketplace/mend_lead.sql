-- requires: ledger/gate.sql
-- requires: ledger/clock.sql
-- Brings a lead to what its items say: how often it was sold, and whether it can still be had. One
-- that more buyers have than may, or one buyer twice, is left as it is: nobody can be given less.
-- Answers {status, before, after, [why]}.
CREATE OR REPLACE FUNCTION bursar.mend_lead(p_lead_id uuid, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    l public.leads;
    v_before jsonb;
    v_sold bigint;
    v_reserved bigint;
    v_buyers bigint;
    v_unpaid bigint;
    v_why text;
BEGIN
    SELECT * INTO l FROM public.leads WHERE id = p_lead_id FOR NO KEY UPDATE;
    v_before := to_jsonb(l);
    SELECT count(*) FILTER (WHERE i.status = 'sold'),
        count(*) FILTER (WHERE i.status = 'reserved'),
        count(DISTINCT p.buyer_workspace_id) FILTER (WHERE i.status = 'sold'),
        count(*) FILTER (WHERE i.status = 'sold'
            AND (i.transaction_id IS NULL OR p.status <> 'completed'))
    INTO v_sold, v_reserved, v_buyers, v_unpaid
    FROM public.marketplace_purchase_items AS i
    JOIN public.marketplace_purchases AS p ON p.id = i.purchase_id
    WHERE i.lead_id = p_lead_id;
    v_why := CASE WHEN l.id IS NULL THEN 'the lead is not there'
        WHEN greatest(v_sold, l.sold_count) > l.max_sales OR v_buyers < v_sold
            THEN 'more was sold than there was to sell'
        WHEN v_unpaid > 0 THEN 'it was sold in a purchase that was not paid' END;
    IF v_why IS NOT NULL THEN
        RETURN jsonb_build_object('status', 'refused', 'why', v_why, 'before', v_before);
    END IF;
    -- Sales of its own, from before it came here, are counted and have no items.
    l.sold_count := greatest(l.sold_count, v_sold);
    l.marketplace_status := CASE WHEN l.sold_count >= l.max_sales THEN 'sold'
        WHEN l.sold_count + v_reserved >= l.max_sales THEN 'reserved' ELSE 'available' END;
    UPDATE public.leads SET sold_count = l.sold_count, marketplace_status = l.marketplace_status,
        sold_at = CASE WHEN l.marketplace_status = 'sold'
            THEN coalesce(sold_at, bursar.clock()) END,
        first_sold_at = CASE WHEN l.sold_count > 0 THEN coalesce(first_sold_at, bursar.clock()) END
    WHERE id = p_lead_id
    RETURNING * INTO l;
    RETURN jsonb_build_object(
        'status', CASE WHEN to_jsonb(l) = v_before THEN 'unchanged' ELSE 'done' END,
        'before', v_before, 'after', to_jsonb(l));
END
$$;

COMMENT ON FUNCTION bursar.mend_lead(uuid, text, text) IS 'Brings a lead to what its items say.';
REVOKE ALL ON FUNCTION bursar.mend_lead(uuid, text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_lead(uuid, text, text) TO bursar_operator;
