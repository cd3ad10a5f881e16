-- requires: ledger/claim.sql
-- requires: ledger/value_shape.sql
-- Reads and checks requests to deduct for a job or to submit one. A user who names a rate limit of
-- their own gets the stricter one; the service may set it as it likes.
CREATE OR REPLACE FUNCTION bursar.read_generation(p_requests jsonb, p_verb text)
RETURNS bursar.generation_request[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, c.user_id, f.product, t.q -> 'input', p.price,
    CASE WHEN m.field IS NOT NULL THEN NULL
        WHEN x.is_service THEN coalesce(f.rate_limit_seconds::bigint, p.rate_limit_seconds)
        ELSE greatest(f.rate_limit_seconds::bigint, p.rate_limit_seconds) END,
    gen_random_uuid(), NULL, NULL, NULL,
    coalesce(f.actor, f.principal, 'service'),
    -- Whoever may not ask is not told either what the key's outcome was.
    CASE WHEN m.field IS NULL AND x.may THEN bursar.claim(
        c.user_id::text, coalesce(f.principal, 'service'), p_verb, f.key) END,
    bursar.fingerprint(jsonb_build_array(f.product, t.q -> 'input')::text),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED'
        WHEN NOT x.may THEN 'NOT_AUTHORIZED'
        WHEN p.product IS NULL THEN 'PRODUCT_NOT_FOUND' END,
    CASE WHEN m.field IS NOT NULL THEN jsonb_build_object('field', m.field)
        WHEN x.may THEN jsonb_build_object('product', f.product) END
    )::bursar.generation_request ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN '{"product": "image"}' || jsonb_strip_nulls(t.q)
        ELSE '{}' END
) AS f (user_id text, product text, rate_limit_seconds jsonb, caller jsonb, key text,
    principal text, actor text)
CROSS JOIN LATERAL (SELECT CASE
    WHEN f.user_id IS NULL OR NOT bursar.is_uuid(f.user_id) THEN 'user_id'
    WHEN NOT bursar.is_text(t.q -> 'product') OR NOT bursar.is_printable(f.product, 100)
        THEN 'product'
    WHEN p_verb = 'submit_generation' AND (jsonb_typeof(t.q -> 'input') IS DISTINCT FROM 'object'
        OR octet_length((t.q -> 'input')::text) > 16384) THEN 'input'
    WHEN f.rate_limit_seconds IS NOT NULL
        AND NOT bursar.is_whole(f.rate_limit_seconds, 0, 86400) THEN 'rate_limit_seconds'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN f.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT CASE WHEN m.field IS NULL THEN f.user_id::uuid END AS user_id
    OFFSET 0) AS c
CROSS JOIN LATERAL (SELECT coalesce(f.caller ->> 'role' = 'service_role', false) AS is_service,
    coalesce(f.caller ->> 'role' = 'service_role' OR (f.caller ->> 'role' <> 'anon'
        AND lower(f.caller ->> 'sub') = c.user_id::text), false) AS may OFFSET 0) AS x
LEFT JOIN LATERAL (SELECT * FROM public.generation_products AS o
    WHERE o.product = f.product AND o.is_active LIMIT 1) AS p ON true);
END
$$;

COMMENT ON FUNCTION bursar.read_generation(jsonb, text) IS
    'Reads and checks requests to deduct for a job or to submit one.';
REVOKE ALL ON FUNCTION bursar.read_generation(jsonb, text) FROM PUBLIC, anon, authenticated;
