-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: generation/judge_generation.sql
-- submit_generation: a job, and its price set aside, in one transaction. An open deduction of the
-- user is taken over; what it does not cover is held.
--
-- Fields: user_id, [product = image], input (an object, at most 16 KB), [rate_limit_seconds],
-- caller {role, sub}, [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, PRODUCT_NOT_FOUND,
-- BUSY, WALLET_NOT_FOUND, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, RATE_LIMITED (told
-- before a wallet's status where there is credit enough).
-- Locks: the users' wallets, under which their deductions change.
CREATE OR REPLACE FUNCTION bursar.submit_generation_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'submit_generation';
    v_asset CONSTANT text := 'generation_credit';
    v_in bursar.generation_request[] := bursar.read_generation(p_requests, v_verb);
    v_wallets bursar.wallet_state[];
    v_posted bursar.posted;
BEGIN
    v_wallets := bursar.lock_wallets_of(v_asset, ARRAY(
        SELECT q.user_id::text FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait);
    v_in := bursar.judge_generation(v_in, v_wallets, true);
    -- A deduction covers its job by itself; the transaction says so and moves nothing. Beside a
    -- deduction less than the price is held, and the hold's transaction says how much.
    v_posted := bursar.post(v_wallets,
        ARRAY(SELECT ROW(q.n, CASE WHEN q.hold_id IS NULL THEN 0 ELSE 1 END, v_verb, v_asset,
            q.user_id::text, CASE WHEN q.hold_id IS NULL THEN coalesce(q.price, 0)
                ELSE q.to_hold END, 'generation', q.actor, NULL, q.hold_id,
            jsonb_build_object('job', q.job_id), q.claim, q.fingerprint, 'refuse', NULL, q.refusal,
            q.details, json_build_object('job_id', q.job_id, 'job_status', 'queued',
                'hold_id', q.hold_id, 'deduction', q.deduction))
            ::bursar.request FROM unnest(v_in) AS q ORDER BY q.n),
        ARRAY(SELECT ROW(q.n, v_asset, q.user_id::text, 0, q.to_hold, NULL)::bursar.leg
            FROM unnest(v_in) AS q WHERE q.hold_id IS NOT NULL ORDER BY q.n),
        '{"INSUFFICIENT_FUNDS": "Not enough credits to generate this."}');
    IF v_posted.transaction_ids IS NOT NULL THEN
        PERFORM bursar.record_generation_jobs(v_in, v_posted.transaction_ids);
    END IF;
    RETURN bursar.keep_rate_limits(v_in, v_posted, v_verb);
END
$$;

COMMENT ON FUNCTION bursar.submit_generation_batch(jsonb, boolean) IS
    'Handler of submit_generation.';
REVOKE ALL ON FUNCTION bursar.submit_generation_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- Records what was submitted: holds, jobs, and the deductions that they took over.
CREATE OR REPLACE FUNCTION bursar.record_generation_jobs(
    p_requests bursar.generation_request[], p_transaction_ids bigint[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_written bigint;
BEGIN
    INSERT INTO public.generation_jobs (id, user_id, product, input, price, hold, deduction, due_at,
        give_up_at, actor, created_at)
    SELECT q.job_id, q.user_id, q.product, q.input, q.price, q.hold_id, q.deduction, v_now,
        v_now + make_interval(secs => p.hold_seconds), q.actor, v_now
    FROM unnest(p_requests) AS q
    CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
        WHERE o.product = q.product LIMIT 1) AS p
    WHERE p_transaction_ids[q.n] IS NOT NULL;
    GET DIAGNOSTICS v_written = ROW_COUNT;
    IF v_written < (SELECT count(t) FROM unnest(p_transaction_ids) AS t) THEN
        RAISE EXCEPTION 'A product went meanwhile.' USING ERRCODE = 'UBX02';
    END IF;
    INSERT INTO bursar.hold (id, transaction_id, asset, owner_id, amount, reason, actor, metadata,
        expires_at, created_at)
    SELECT q.hold_id, p_transaction_ids[q.n], 'generation_credit', q.user_id::text, q.to_hold,
        'generation', q.actor, jsonb_build_object('job', q.job_id),
        v_now + make_interval(secs => p.hold_seconds), v_now
    FROM unnest(p_requests) AS q
    CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
        WHERE o.product = q.product LIMIT 1) AS p
    WHERE p_transaction_ids[q.n] IS NOT NULL AND q.hold_id IS NOT NULL;
    -- Named as an array, because for a join the planner may read all deductions first.
    UPDATE public.generation_deductions AS d
    SET status = 'adopted', lapses_at = NULL, ended_at = v_now, job_id = (
        SELECT q.job_id FROM unnest(p_requests) AS q WHERE q.deduction = d.transaction_id)
    WHERE d.transaction_id = ANY (ARRAY(SELECT q.deduction FROM unnest(p_requests) AS q
        WHERE q.deduction IS NOT NULL AND p_transaction_ids[q.n] IS NOT NULL));
END
$$;

COMMENT ON FUNCTION bursar.record_generation_jobs(bursar.generation_request[], bigint[]) IS
    'Records jobs that were submitted.';
REVOKE ALL ON FUNCTION bursar.record_generation_jobs(bursar.generation_request[], bigint[])
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.submit_generation(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('submit_generation', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.submit_generation(jsonb) IS
    'Submits jobs and sets their prices aside; a batch.';
REVOKE ALL ON FUNCTION bursar.submit_generation(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.submit_generation(jsonb) TO service_role, bursar_service;
