-- requires: ledger/value_shape.sql
-- Reads and checks what somebody says of jobs' ends. The service says what came of them; a user may
-- cancel their own, and learns nothing of others'.
CREATE OR REPLACE FUNCTION bursar.read_generation_ends(p_requests jsonb)
RETURNS bursar.generation_end[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, c.job_id, j.user_id, f.result,
    CASE WHEN m.field IS NULL THEN f.lease::uuid END,
    CASE WHEN m.field IS NULL THEN f.price::bigint END,
    f.output, f.provider, f.provider_reference, left(f.error, 2000),
    coalesce(f.reason, CASE f.result WHEN 'failed' THEN 'provider_error' ELSE f.result END),
    coalesce(f.actor, f.principal, 'service'),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.caller ->> 'role' IS NOT DISTINCT FROM 'service_role' THEN
            CASE WHEN j.user_id IS NULL THEN 'JOB_NOT_FOUND' END
        WHEN f.result <> 'cancelled' THEN 'NOT_AUTHORIZED'
        WHEN j.user_id::text = lower(f.caller ->> 'sub') AND f.caller ->> 'role' <> 'anon' THEN NULL
        ELSE 'JOB_NOT_FOUND' END,
    CASE WHEN m.field IS NOT NULL THEN jsonb_build_object('field', m.field)
        ELSE jsonb_build_object('job_id', c.job_id) END)::bursar.generation_end ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (job_id text, result text, lease text, price jsonb, output jsonb, provider text,
    provider_reference text, error text, reason text, caller jsonb, principal text, actor text)
CROSS JOIN LATERAL (SELECT CASE
    WHEN f.job_id IS NULL OR NOT bursar.is_uuid(f.job_id) THEN 'job_id'
    WHEN f.result IS NULL OR f.result NOT IN ('completed', 'failed', 'cancelled', 'expired')
        THEN 'result'
    WHEN f.lease IS NOT NULL AND NOT bursar.is_uuid(f.lease) THEN 'lease'
    WHEN f.price IS NOT NULL AND (f.result <> 'completed'
        OR NOT bursar.is_whole(f.price, 1, 1000000000)) THEN 'price'
    WHEN f.output IS NOT NULL AND (f.result <> 'completed' OR jsonb_typeof(f.output) <> 'object'
        OR octet_length(f.output::text) > 262144) THEN 'output'
    WHEN length(f.provider) > 100 THEN 'provider'
    WHEN length(f.provider_reference) > 255 THEN 'provider_reference'
    WHEN f.reason IS NOT NULL AND NOT bursar.is_printable(f.reason, 100) THEN 'reason'
    WHEN f.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT CASE WHEN m.field IS NULL THEN f.job_id::uuid END AS job_id
    OFFSET 0) AS c
LEFT JOIN LATERAL (SELECT o.user_id FROM public.generation_jobs AS o
    WHERE o.id = c.job_id LIMIT 1) AS j ON true);
END
$$;

COMMENT ON FUNCTION bursar.read_generation_ends(jsonb) IS
    'Reads and checks what somebody says of jobs'' ends.';
REVOKE ALL ON FUNCTION bursar.read_generation_ends(jsonb) FROM PUBLIC, anon, authenticated;
