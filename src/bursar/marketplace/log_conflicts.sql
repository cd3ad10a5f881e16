-- requires: ledger/clock.sql
-- What stood in the way of carts, for the audit log: one row for each cart that was refused for its
-- leads or bought without some of them. `p_outcomes` are new ones; a replay was logged before.
CREATE OR REPLACE FUNCTION bursar.log_conflicts(p_carts bursar.cart[], p_outcomes json[])
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
    SELECT 'purchase_conflict', q.actor, q.buyer_workspace_id, jsonb_build_object(
            'verb', o.outcome ->> 'verb', 'code', o.outcome ->> 'code',
            'purchase_id', o.outcome ->> 'purchase_id', 'lead_ids', to_jsonb(q.lead_ids),
            'conflicts', c.conflicts), bursar.clock()
    FROM unnest(p_carts) AS q
    CROSS JOIN LATERAL (SELECT p_outcomes[q.n] AS outcome) AS o
    CROSS JOIN LATERAL (SELECT coalesce(o.outcome #> '{details,conflicts}',
        o.outcome -> 'conflicts')::jsonb AS conflicts) AS c
    WHERE c.conflicts <> '[]' AND o.outcome ->> 'replayed' = 'false';
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION bursar.log_conflicts(bursar.cart[], json[]) IS
    'Logs what stood in the way of carts.';
REVOKE ALL ON FUNCTION bursar.log_conflicts(bursar.cart[], json[]) FROM PUBLIC, anon, authenticated;
