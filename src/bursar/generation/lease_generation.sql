-- requires: ledger/clock.sql
-- requires: ledger/gate.sql
-- requires: generation/judge_generation_end.sql
-- requires: generation/log_generation.sql
-- How workers share jobs: one leases what is due, says now and then that it is still at it, and
-- ends the job with `end_generation`. Whoever dies leaves a lease that runs out, and somebody else
-- takes the job up, as often as the product allows. No money moves here.
CREATE OR REPLACE FUNCTION bursar.lease_generation_jobs(
    p_worker text, p_limit integer DEFAULT 1, p_seconds integer DEFAULT 30
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_now timestamptz;
    v_leased jsonb;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN '[]';
    END IF;
    v_now := bursar.clock();
    WITH due AS (
        SELECT j.id FROM public.generation_jobs AS j
        CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
            WHERE o.product = j.product LIMIT 1) AS p
        WHERE j.due_at <= v_now AND j.status IN ('queued', 'processing')
            AND j.attempts < p.attempts_max AND bursar.reason_to_give_up(j, p, v_now) IS NULL
        ORDER BY j.due_at LIMIT p_limit FOR NO KEY UPDATE OF j SKIP LOCKED
    ), leased AS (
        UPDATE public.generation_jobs AS j SET status = 'processing', attempts = j.attempts + 1,
            worker = left(p_worker, 200), lease = gen_random_uuid(),
            due_at = v_now + make_interval(secs => p_seconds),
            started_at = coalesce(j.started_at, v_now)
        FROM due WHERE j.id = due.id
        RETURNING j.*)
    SELECT jsonb_agg(jsonb_build_object('job_id', l.id, 'lease', l.lease, 'user_id', l.user_id,
        'product', l.product, 'kind', p.kind, 'model', p.model, 'input', l.input,
        'price', l.price, 'tokens_per_credit', p.tokens_per_credit, 'attempt', l.attempts,
        'attempts_max', p.attempts_max, 'call_seconds', p.call_seconds) ORDER BY l.created_at)
    INTO v_leased
    FROM leased AS l
    CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
        WHERE o.product = l.product LIMIT 1) AS p;
    RETURN coalesce(v_leased, '[]');
END
$$;

COMMENT ON FUNCTION bursar.lease_generation_jobs(text, integer, integer) IS
    'Leases jobs that are due to one worker.';
REVOKE ALL ON FUNCTION bursar.lease_generation_jobs(text, integer, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.lease_generation_jobs(text, integer, integer)
    TO service_role, bursar_service;

-- The heartbeat: answers whether the attempt is still wanted. It is not once the job was cancelled,
-- given up or taken over.
CREATE OR REPLACE FUNCTION bursar.keep_generation_lease(
    p_job_id text, p_lease text, p_seconds integer DEFAULT 30
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    -- While changes are paused the attempt goes on; its lease may run out meanwhile.
    IF NOT bursar.enter_gate() THEN
        RETURN 'true';
    END IF;
    UPDATE public.generation_jobs
    SET due_at = bursar.clock() + make_interval(secs => p_seconds)
    WHERE id = p_job_id::uuid AND lease = p_lease::uuid AND status = 'processing';
    RETURN to_jsonb(FOUND);
END
$$;

COMMENT ON FUNCTION bursar.keep_generation_lease(text, text, integer) IS
    'Says that an attempt goes on; answers whether it is still wanted.';
REVOKE ALL ON FUNCTION bursar.keep_generation_lease(text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.keep_generation_lease(text, text, integer)
    TO service_role, bursar_service;

-- An attempt failed in a way that may pass: the job waits its turn again. Answers whether it does;
-- where it was the last attempt, or is wanted no more, the worker ends the job instead.
CREATE OR REPLACE FUNCTION bursar.retry_generation(
    p_job_id text, p_lease text, p_error text, p_wait_seconds integer
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_now timestamptz;
    j public.generation_jobs;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 'false';
    END IF;
    v_now := bursar.clock();
    UPDATE public.generation_jobs AS g
    SET status = 'queued', lease = NULL, error = left(p_error, 2000),
        due_at = v_now + make_interval(secs => p_wait_seconds)
    FROM public.generation_products AS p
    WHERE g.id = p_job_id::uuid AND g.lease = p_lease::uuid AND g.status = 'processing'
        AND p.product = g.product AND g.attempts < p.attempts_max
        AND least(g.give_up_at, g.started_at + make_interval(secs => p.stuck_seconds))
            > v_now + make_interval(secs => p_wait_seconds)
    RETURNING g.* INTO j;
    IF j.id IS NOT NULL THEN
        PERFORM bursar.log_generation(j.id, j.user_id, 'attempt_failed', left(p_error, 500), NULL,
            coalesce(j.worker, 'service'), jsonb_build_object('attempt', j.attempts));
    END IF;
    RETURN to_jsonb(j.id IS NOT NULL);
END
$$;

COMMENT ON FUNCTION bursar.retry_generation(text, text, text, integer) IS
    'Has a job whose attempt failed wait its turn again; answers whether it does.';
REVOKE ALL ON FUNCTION bursar.retry_generation(text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.retry_generation(text, text, text, integer)
    TO service_role, bursar_service;

-- A worker that stops hands its attempt back. It does not count, and somebody else may take the job
-- up at once; answers whether it was still that worker's to hand back.
CREATE OR REPLACE FUNCTION bursar.hand_back_generation(p_job_id text, p_lease text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 'false';
    END IF;
    UPDATE public.generation_jobs
    SET status = 'queued', lease = NULL, attempts = attempts - 1, due_at = bursar.clock()
    WHERE id = p_job_id::uuid AND lease = p_lease::uuid AND status = 'processing';
    RETURN to_jsonb(FOUND);
END
$$;

COMMENT ON FUNCTION bursar.hand_back_generation(text, text) IS
    'Hands an attempt back that was not finished; it does not count.';
REVOKE ALL ON FUNCTION bursar.hand_back_generation(text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.hand_back_generation(text, text)
    TO service_role, bursar_service;

-- What an attempt made, kept before the job is ended with it; a later attempt's replaces it.
CREATE OR REPLACE FUNCTION bursar.keep_generation_output(
    p_job_id text, p_content_type text, p_base64 text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 'false';
    END IF;
    INSERT INTO public.generation_outputs AS o (job_id, content_type, content, created_at)
    SELECT j.id, left(p_content_type, 100), decode(p_base64, 'base64'), bursar.clock()
    FROM public.generation_jobs AS j
    WHERE j.id = p_job_id::uuid AND j.status IN ('queued', 'processing')
    ON CONFLICT (job_id) DO UPDATE SET content_type = excluded.content_type,
        content = excluded.content, created_at = excluded.created_at;
    RETURN to_jsonb(FOUND);
END
$$;

COMMENT ON FUNCTION bursar.keep_generation_output(text, text, text) IS
    'Keeps what an attempt made; answers whether the job is still open.';
REVOKE ALL ON FUNCTION bursar.keep_generation_output(text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.keep_generation_output(text, text, text)
    TO service_role, bursar_service;
