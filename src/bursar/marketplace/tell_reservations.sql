-- requires: marketplace/workspace_credit.sql
-- requires: ledger/clock.sql
-- Of the leads that stand in a cart's way because others hold them in reserve, tells when the first
-- of those reservations lapses: `reserved_until`. Called for refused carts alone; what is bought
-- does not pay for it.
CREATE OR REPLACE FUNCTION bursar.tell_reservations(p_conflicts jsonb, p_buyer_workspace_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
BEGIN
    RETURN (SELECT jsonb_agg(CASE WHEN r.until IS NULL THEN c.conflict
            ELSE c.conflict || jsonb_build_object('reserved_until', r.until) END ORDER BY c.place)
        FROM jsonb_array_elements(p_conflicts) WITH ORDINALITY AS c (conflict, place)
        LEFT JOIN LATERAL (SELECT min(i.reserved_until) AS until
            FROM public.marketplace_purchase_items AS i
            CROSS JOIN LATERAL (SELECT b.buyer_workspace_id FROM public.marketplace_purchases AS b
                WHERE b.id = i.purchase_id LIMIT 1) AS p
            WHERE i.lead_id = (c.conflict ->> 'lead_id')::uuid AND i.status = 'reserved'
                AND i.reserved_until > v_now AND p.buyer_workspace_id <> p_buyer_workspace_id
        ) AS r ON c.conflict ->> 'reason' = 'reserved');
END
$$;

COMMENT ON FUNCTION bursar.tell_reservations(jsonb, uuid) IS
    'Conflicts, and of reserved leads when they may be free again.';
REVOKE ALL ON FUNCTION bursar.tell_reservations(jsonb, uuid) FROM PUBLIC, anon, authenticated;
