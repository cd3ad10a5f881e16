-- requires: generation/read_generation_job.sql
-- Jobs, newest first. Those of everybody are found by the transactions that submitted them, newest
-- first; those of one user by the user. At most 5,000 are looked through for a status, or for jobs
-- among other transactions, and `next` says where to go on.
CREATE OR REPLACE FUNCTION bursar.list_generation_jobs(
    p_user_id text DEFAULT NULL, p_status text DEFAULT NULL, p_before text DEFAULT NULL,
    p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_places text[];   -- newest first; one of them is where the next page begins
    v_jobs uuid[];     -- the jobs in these places
    v_found record;
BEGIN
    IF p_user_id IS NULL THEN
        SELECT array_agg(a.id::text ORDER BY a.id DESC),
            array_agg(CASE WHEN a.verb = 'submit_generation' THEN (a.metadata ->> 'job')::uuid END
                ORDER BY a.id DESC) INTO v_places, v_jobs
        FROM (SELECT t.id, t.verb, t.metadata FROM bursar.transaction AS t
            WHERE t.id < coalesce(p_before::bigint, 9223372036854775807)
            ORDER BY t.id DESC LIMIT 5000) AS a;
    ELSE
        SELECT array_agg(a.place ORDER BY a.created_at DESC, a.id DESC),
            array_agg(a.id ORDER BY a.created_at DESC, a.id DESC) INTO v_places, v_jobs
        FROM (SELECT j.id, j.created_at, concat_ws(' ', to_char(j.created_at AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), j.id) AS place
            FROM public.generation_jobs AS j
            WHERE j.user_id = CASE WHEN bursar.is_uuid(p_user_id) THEN p_user_id::uuid END
                AND j.created_at <= coalesce(split_part(p_before, ' ', 1), 'infinity')::timestamptz
                AND (p_before IS NULL OR (j.created_at, j.id) < (
                    split_part(p_before, ' ', 1)::timestamptz, split_part(p_before, ' ', 2)::uuid))
            ORDER BY j.created_at DESC, j.id DESC LIMIT 5000) AS a;
    END IF;
    WITH found AS MATERIALIZED (
        SELECT a.n, a.place, j.*
        FROM unnest(v_places, v_jobs) WITH ORDINALITY AS a (place, job, n)
        CROSS JOIN LATERAL (SELECT * FROM public.generation_jobs AS o
            WHERE o.id = a.job LIMIT 1) AS j
        WHERE p_status IS NULL OR j.status = p_status
        ORDER BY a.n LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT * FROM found AS f ORDER BY f.n LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('job_id', s.id, 'user_id', s.user_id,
                'product', s.product, 'status', s.status, 'price', s.price, 'error', s.error,
                'reason', s.reason, 'attempts', s.attempts, 'created_at', s.created_at,
                'held', h.amount - h.captured - h.released - h.expired, 'captured', h.captured)
                ORDER BY s.n), '[]')
            FROM shown AS s
            LEFT JOIN LATERAL (SELECT * FROM bursar.hold AS o
                WHERE o.id = s.hold LIMIT 1) AS h ON true) AS list,
        CASE WHEN (SELECT count(*) FROM found) > v_limit
                THEN (SELECT s.place FROM shown AS s ORDER BY s.n DESC LIMIT 1)
            WHEN cardinality(v_places) = 5000 THEN v_places[5000] END AS next
    INTO v_found;
    RETURN jsonb_build_object('jobs', v_found.list, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_generation_jobs(text, text, text, integer) IS
    'Jobs newest first, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_generation_jobs(text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_generation_jobs(text, text, text, integer)
    TO service_role, bursar_service, bursar_operator;

-- A job with what operators need besides: its hold or deduction, and what happened to it. NULL
-- where there is none.
CREATE OR REPLACE FUNCTION bursar.read_generation_history(p_job_id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT bursar.tell_generation_job(j) - 'output' || jsonb_build_object(
        'provider', j.provider, 'worker', j.worker, 'due_at', j.due_at,
        'give_up_at', j.give_up_at, 'actor', j.actor, 'deduction', j.deduction,
        'hold', bursar.read_hold(j.hold),
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('what', e.what,
                'message', e.message, 'actor', e.actor, 'happened_at', e.happened_at)
                ORDER BY e.id), '[]')
            FROM (SELECT * FROM public.generation_events AS o WHERE o.job_id = j.id
                ORDER BY o.id LIMIT 200) AS e))
    FROM public.generation_jobs AS j
    WHERE j.id = CASE WHEN bursar.is_uuid(p_job_id) THEN p_job_id::uuid END
$$;

COMMENT ON FUNCTION bursar.read_generation_history(text) IS 'A job and what happened to it.';
REVOKE ALL ON FUNCTION bursar.read_generation_history(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_generation_history(text)
    TO service_role, bursar_service, bursar_operator;
