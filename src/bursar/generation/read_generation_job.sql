-- requires: ledger/clock.sql
-- A job as its user sees it. What it made is shown once it is completed.
CREATE OR REPLACE FUNCTION bursar.tell_generation_job(j public.generation_jobs) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('job_id', j.id, 'user_id', j.user_id, 'product', j.product,
        'input', j.input, 'status', j.status, 'price', j.price, 'attempts', j.attempts,
        'error', j.error, 'reason', j.reason,
        'output', CASE j.status WHEN 'completed' THEN j.output END,
        'content_type', CASE j.status WHEN 'completed' THEN (
            SELECT o.content_type FROM public.generation_outputs AS o WHERE o.job_id = j.id) END,
        'created_at', j.created_at, 'started_at', j.started_at, 'finished_at', j.finished_at)
$$;

COMMENT ON FUNCTION bursar.tell_generation_job(public.generation_jobs) IS
    'A job as its user sees it.';
REVOKE ALL ON FUNCTION bursar.tell_generation_job(public.generation_jobs)
    FROM PUBLIC, anon, authenticated;

-- One job; NULL where there is none, or where it is not that user's. The service names no user.
CREATE OR REPLACE FUNCTION bursar.read_generation_job(p_job_id text, p_user_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT bursar.tell_generation_job(j) FROM public.generation_jobs AS j
    WHERE j.id = p_job_id::uuid AND (p_user_id IS NULL OR j.user_id::text = lower(p_user_id))
$$;

COMMENT ON FUNCTION bursar.read_generation_job(text, text) IS 'One job as its user sees it.';
REVOKE ALL ON FUNCTION bursar.read_generation_job(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_generation_job(text, text) TO service_role, bursar_service;

-- A user's studio: the wallet, the jobs, newest first, and how long to wait for the next.
CREATE OR REPLACE FUNCTION bursar.read_studio(p_user_id text, p_limit integer DEFAULT 20)
RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT jsonb_build_object('now', bursar.clock(),
        'wallet', (SELECT jsonb_build_object('credits', w.credits, 'held', w.bursar_held,
                'available', w.credits - w.bursar_held, 'last_generate_at', w.last_generate_at)
            FROM public.profiles AS w WHERE w.id = p_user_id::uuid),
        'products', (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.product), '[]')
            FROM (SELECT o.product, o.title, o.kind, o.price, o.rate_limit_seconds
                FROM public.generation_products AS o WHERE o.is_active) AS p),
        'jobs', (SELECT coalesce(jsonb_agg(bursar.tell_generation_job(j)
                ORDER BY j.created_at DESC), '[]')
            FROM (SELECT * FROM public.generation_jobs AS o WHERE o.user_id = p_user_id::uuid
                ORDER BY o.created_at DESC LIMIT p_limit) AS j))
$$;

COMMENT ON FUNCTION bursar.read_studio(text, integer) IS 'A user''s wallet and jobs, for pages.';
REVOKE ALL ON FUNCTION bursar.read_studio(text, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_studio(text, integer) TO service_role, bursar_service;

-- What a completed job made, as base64.
CREATE OR REPLACE FUNCTION bursar.read_generation_output(p_job_id text, p_user_id text)
RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT jsonb_build_object('content_type', o.content_type,
        'base64', encode(o.content, 'base64'))
    FROM public.generation_jobs AS j
    JOIN public.generation_outputs AS o ON o.job_id = j.id
    WHERE j.id = p_job_id::uuid AND j.status = 'completed'
        AND (p_user_id IS NULL OR j.user_id::text = lower(p_user_id))
$$;

COMMENT ON FUNCTION bursar.read_generation_output(text, text) IS
    'What a completed job made, as base64.';
REVOKE ALL ON FUNCTION bursar.read_generation_output(text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_generation_output(text, text)
    TO service_role, bursar_service;
