-- requires: ledger/carry.sql
-- requires: ledger/carry_out.sql
-- requires: ledger/count_before_repeat.sql
-- requires: generation/judge_generation_end.sql
-- requires: generation/log_generation.sql
-- end_generation: a job is completed, or its credit is given back. In one transaction: what the
-- ledger moves, the job, its deduction, and the record of it. The same end again changes nothing.
--
-- Fields: job_id, result (completed | failed | cancelled | expired), [lease: of the attempt],
-- [price: what it came to], [output], [provider], [provider_reference], [error], [reason],
-- caller {role, sub}, [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, JOB_NOT_FOUND, BUSY, JOB_ENDED.
-- Locks: the users' wallets; holds and deductions' transactions; the jobs, sorted.
CREATE OR REPLACE FUNCTION bursar.end_generation_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'end_generation';
    v_in bursar.generation_end[] := bursar.read_generation_ends(p_requests);
    v_wallets bursar.wallet_state[];
    v_verdicts bursar.generation_verdict[];
    v_moved json[] := '{}';
    v_moves jsonb;
    v_outcomes json[];
    v_next integer := 1;
    v_count integer;
    e bursar.generation_end; v bursar.generation_verdict;
BEGIN
    v_wallets := bursar.lock_wallets_of('generation_credit', ARRAY(
        SELECT q.user_id::text FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait);
    v_in := ARRAY(SELECT ROW(q.n, q.job_id, q.user_id, q.result, q.lease, q.price, q.output,
            q.provider, q.provider_reference, q.error, q.reason, q.actor,
            CASE WHEN q.refusal IS NULL AND s.status = 'busy' THEN 'BUSY' ELSE q.refusal END,
            q.details)::bursar.generation_end
        FROM unnest(v_in) AS q LEFT JOIN unnest(v_wallets) AS s ON s.owner_id = q.user_id::text
        ORDER BY q.n);
    PERFORM bursar.lock_generation_jobs(v_in);
    v_in := v_in[:(SELECT bursar.count_before_repeat(array_agg(q.job_id ORDER BY q.n))
        FROM unnest(v_in) AS q)];
    v_verdicts := ARRAY(SELECT CASE WHEN q.refusal IS NULL THEN bursar.judge_generation_end(q)
        ELSE ROW(q.n, q.refusal, NULL, NULL, NULL, NULL, '[]')::bursar.generation_verdict END
        FROM unnest(v_in) AS q ORDER BY q.n);
    v_moves := (SELECT jsonb_agg(m ORDER BY w.n, m.place) FROM unnest(v_verdicts) AS w
        CROSS JOIN LATERAL jsonb_array_elements(w.moves) WITH ORDINALITY AS m (move, place));
    IF v_moves IS NOT NULL THEN
        v_moved := bursar.carry_out((SELECT jsonb_agg(m -> 'move')
            FROM jsonb_array_elements(v_moves) AS m), p_wait);
    END IF;

    FOREACH v IN ARRAY v_verdicts LOOP
        e := v_in[v.n];
        v_count := jsonb_array_length(v.moves);
        -- What the ledger has left for another call is left here too.
        EXIT WHEN v_next + v_count - 1 > cardinality(v_moved);
        v_outcomes[v.n] := CASE
            WHEN e.refusal IS NOT NULL THEN bursar.refused(v_verb, e.refusal, e.details)
            WHEN v.effect = 'JOB_ENDED' THEN bursar.refused(v_verb, v.effect, e.details)
            ELSE bursar.record_generation_end(e, v, v_moved[v_next:v_next + v_count - 1]) END;
        v_next := v_next + v_count;
    END LOOP;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.end_generation_batch(jsonb, boolean) IS 'Handler of end_generation.';
REVOKE ALL ON FUNCTION bursar.end_generation_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

-- Locks what ends of jobs refer to, after their wallets: holds, transactions, jobs. A job's hold
-- and deduction never change, so they may be looked up before.
CREATE OR REPLACE FUNCTION bursar.lock_generation_jobs(p_ends bursar.generation_end[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids CONSTANT uuid[] := ARRAY(SELECT e.job_id FROM unnest(p_ends) AS e
        WHERE e.refusal IS NULL);
    v_holds CONSTANT bigint[] := ARRAY(
        SELECT hold FROM public.generation_jobs WHERE id = ANY (v_ids) AND hold IS NOT NULL);
    v_deductions CONSTANT bigint[] := ARRAY(SELECT deduction FROM public.generation_jobs
        WHERE id = ANY (v_ids) AND deduction IS NOT NULL);
BEGIN
    PERFORM FROM bursar.hold WHERE id = ANY (v_holds) ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM bursar.transaction WHERE id = ANY (v_deductions) ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM public.generation_jobs WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
END
$$;

COMMENT ON FUNCTION bursar.lock_generation_jobs(bursar.generation_end[]) IS
    'Locks what ends of jobs refer to.';
REVOKE ALL ON FUNCTION bursar.lock_generation_jobs(bursar.generation_end[])
    FROM PUBLIC, anon, authenticated;

-- Writes down what came of a job's end, and answers it. Where the ledger refused to give something
-- back, the job is failed, and it is tried again later.
CREATE OR REPLACE FUNCTION bursar.record_generation_end(
    e bursar.generation_end, v bursar.generation_verdict, p_moved json[]
) RETURNS json
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_refused CONSTANT json := (SELECT m FROM unnest(p_moved) AS m
        WHERE m ->> 'status' = 'refused' LIMIT 1);
    v_what CONSTANT text := CASE WHEN v_refused IS NOT NULL THEN 'refund_refused'
        ELSE v.effect END;
    v_status CONSTANT text := CASE WHEN v_refused IS NOT NULL THEN 'failed' ELSE v.status END;
    v_amount CONSTANT bigint := CASE WHEN v.effect = 'completed' THEN v.price
        ELSE v.given_back END;
BEGIN
    IF v_refused ->> 'code' = 'BUSY' THEN
        RETURN bursar.refused('end_generation', 'BUSY', e.details);
    END IF;
    -- Also where nothing moves, because a hold was over before its job.
    IF jsonb_array_length(v.moves) > 0 OR v.effect IN ('completed', 'refunded')
        OR v_status <> (SELECT status FROM public.generation_jobs WHERE id = e.job_id)
    THEN
        UPDATE public.generation_jobs SET status = v_status, price = v.price, reason = v.reason,
            error = coalesce(e.error, error), output = coalesce(e.output, output),
            provider = coalesce(e.provider, provider),
            provider_reference = coalesce(e.provider_reference, provider_reference),
            lease = NULL, finished_at = v_now,
            due_at = CASE v_status WHEN 'failed' THEN v_now + interval '5 minutes' END
        WHERE id = e.job_id;
        UPDATE public.generation_deductions SET status = 'refunded', ended_at = v_now
        WHERE v_status = 'refunded' AND transaction_id = (
            SELECT deduction FROM public.generation_jobs WHERE id = e.job_id);
    END IF;
    IF v.effect <> 'unchanged' THEN
        PERFORM bursar.log_generation(e.job_id, e.user_id, v_what, coalesce(v.reason, e.reason),
            v_amount, e.actor, jsonb_strip_nulls(jsonb_build_object('result', e.result,
                'error', e.error, 'moved', to_jsonb(p_moved))));
        -- A late result may come with the job's credit still to be given back.
        IF v.effect = 'late_success' AND v.given_back > 0 AND v_refused IS NULL THEN
            PERFORM bursar.log_generation(e.job_id, e.user_id, 'refunded', v.reason, v.given_back,
                e.actor);
        END IF;
    END IF;
    RETURN json_build_object('status', 'done', 'verb', 'end_generation', 'job_id', e.job_id,
        'owner_id', e.user_id, 'effect', v_what, 'job_status', v_status, 'reason', v.reason,
        'price', CASE v_status WHEN 'completed' THEN v.price END,
        'refunded', CASE WHEN v_refused IS NULL THEN v.given_back ELSE 0 END,
        'message', bursar.tell_generation(v_what, e.user_id, v_amount, v.reason),
        'replayed', v.effect IN ('unchanged', 'duplicate_answer'));
END
$$;

COMMENT ON FUNCTION bursar.record_generation_end(
    bursar.generation_end, bursar.generation_verdict, json[]
) IS 'Writes down what came of a job''s end.';
REVOKE ALL ON FUNCTION bursar.record_generation_end(
    bursar.generation_end, bursar.generation_verdict, json[]
) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.end_generation(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('end_generation', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.end_generation(jsonb) IS
    'Completes jobs, or gives their credits back; a batch.';
REVOKE ALL ON FUNCTION bursar.end_generation(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.end_generation(jsonb) TO service_role, bursar_service;
