-- requires: ledger/value_shape.sql
-- Reads and checks claims of purchases. PL/pgSQL keeps the plan from call to call; PostgreSQL
-- before 18 plans a function in plain SQL each time.
--
-- Fields: user_id, sku, tx_id, [store], [environment: PRODUCTION | SANDBOX], [override_reason: of
-- an operator, to grant beyond caps and switches], caller {role, sub}, [principal], [actor].
CREATE OR REPLACE FUNCTION bursar.read_claims(p_requests jsonb) RETURNS bursar.claim_request[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, f.user_id, f.sku, f.tx_id, f.store, f.environment, f.override_reason,
    coalesce(f.actor, f.principal, 'service'),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.caller ->> 'role' IS DISTINCT FROM 'service_role'
            AND (f.caller ->> 'sub' IS DISTINCT FROM f.user_id OR f.override_reason IS NOT NULL)
            THEN 'NOT_AUTHORIZED' END,
    CASE WHEN m.field IS NOT NULL THEN jsonb_build_object('field', m.field) END
    )::bursar.claim_request ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (user_id text, sku text, tx_id text, store text, environment text, override_reason text,
    caller jsonb, principal text, actor text)
-- Who claims an item must be somebody who can have it: users are texts here, and uuids elsewhere.
CROSS JOIN LATERAL (SELECT coalesce((SELECT a.owner_type
    FROM (SELECT u.asset FROM public.skus AS u WHERE u.sku = f.sku LIMIT 1) AS s
    JOIN bursar.asset AS a ON a.asset = s.asset), 'text') AS owner_type OFFSET 0) AS o
CROSS JOIN LATERAL (SELECT CASE
    WHEN NOT coalesce(bursar.is_text(t.q -> 'user_id') AND bursar.is_owner(f.user_id, 'text')
        AND bursar.is_owner(f.user_id, o.owner_type), false) THEN 'user_id'
    WHEN NOT coalesce(bursar.is_text(t.q -> 'sku') AND bursar.is_printable(f.sku, 200), false)
        THEN 'sku'
    WHEN NOT coalesce(bursar.is_text(t.q -> 'tx_id') AND bursar.is_printable(f.tx_id, 255), false)
        THEN 'tx_id'
    WHEN NOT bursar.is_text(t.q -> 'store') OR NOT bursar.is_printable(f.store, 50) THEN 'store'
    WHEN f.environment NOT IN ('PRODUCTION', 'SANDBOX') THEN 'environment'
    WHEN NOT bursar.is_text(t.q -> 'override_reason')
        OR length(f.override_reason) NOT BETWEEN 1 AND 500 THEN 'override_reason'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m);
END
$$;

COMMENT ON FUNCTION bursar.read_claims(jsonb) IS 'Reads and checks claims of purchases.';
REVOKE ALL ON FUNCTION bursar.read_claims(jsonb) FROM PUBLIC, anon, authenticated;
