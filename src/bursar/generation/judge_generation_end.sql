-- requires: ledger/clock.sql
-- requires: generation/read_generation_ends.sql
-- What a job's end comes to, found under its locks by the clock after them. A job ends once. What
-- comes later is recorded and changes nothing:
--
--   a result after the credit was given back    not delivered: `late_success`
--   a failure after the job has ended           `late_failure`; so is that of an earlier attempt
--   a result that came already                  `duplicate_answer`
--
-- A result that comes while the job is open ends it, whichever attempt made it. What it costs
-- beyond what was set aside is, by the product's policy, not charged (cap), a debt (overdraft), or
-- a reason to give everything back and deliver nothing (reject).

-- Why a job is due to be given up; NULL where it is not.
CREATE OR REPLACE FUNCTION bursar.reason_to_give_up(
    j public.generation_jobs, p public.generation_products, p_now timestamptz
) RETURNS text
LANGUAGE sql STABLE
RETURN CASE
    -- It counts from the first attempt, also while a job waits for the next.
    WHEN j.status IN ('queued', 'processing')
        AND j.started_at + make_interval(secs => p.stuck_seconds) <= p_now THEN 'timeout'
    WHEN j.status = 'queued' AND j.give_up_at <= p_now THEN 'not_taken_up'
    WHEN j.status = 'processing' AND j.give_up_at <= p_now THEN 'timeout'
    WHEN j.status = 'processing' AND j.due_at <= p_now AND j.attempts >= p.attempts_max
        THEN 'worker_lost'
    WHEN j.status = 'failed' THEN coalesce(j.reason, 'provider_error') END;

COMMENT ON FUNCTION bursar.reason_to_give_up(
    public.generation_jobs, public.generation_products, timestamptz
) IS 'Why a job is due to be given up.';
REVOKE ALL ON FUNCTION bursar.reason_to_give_up(
    public.generation_jobs, public.generation_products, timestamptz
) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.judge_generation_end(e bursar.generation_end)
RETURNS bursar.generation_verdict
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    j public.generation_jobs;
    p public.generation_products;
    v bursar.generation_verdict;
    v_deducted bigint; v_left bigint; v_expired bigint; v_lapsed boolean; v_charged bigint;
    v_give_up text;
BEGIN
    SELECT * INTO STRICT j FROM public.generation_jobs WHERE id = e.job_id;
    SELECT * INTO STRICT p FROM public.generation_products WHERE product = j.product;
    v_deducted := coalesce((SELECT t.amount - (SELECT coalesce(sum(r.amount), 0)
            FROM bursar.transaction AS r WHERE r.corrects = t.id AND r.verb = 'refund')
        FROM bursar.transaction AS t WHERE t.id = j.deduction), 0);
    -- Asked for by its id alone: a partial index of open holds would be read whole.
    SELECT CASE status WHEN 'open' THEN amount - captured - released ELSE 0 END, expired
    INTO v_left, v_expired FROM bursar.hold WHERE id = j.hold;
    v_left := coalesce(v_left, 0);
    -- What a hold that lapsed gave back is told with the job's end, which is why it went back.
    v_expired := coalesce(v_expired, 0);
    v_lapsed := j.hold IS NOT NULL AND v_left = 0;
    v_give_up := bursar.reason_to_give_up(j, p, v_now);
    v_charged := coalesce(e.price, j.price);
    IF p.over_run = 'cap' THEN
        v_charged := least(v_charged, v_deducted + v_left);
    END IF;
    v.n := e.n;
    v.status := j.status;
    v.reason := j.reason;
    v.price := j.price;
    v.given_back := 0;
    v.moves := '[]';
    v.effect := CASE
        WHEN e.result = 'expired' AND v_give_up IS NULL THEN 'unchanged'
        WHEN j.status = 'completed' AND e.result = 'completed' THEN 'duplicate_answer'
        WHEN j.status = 'completed' AND e.result = 'cancelled' THEN 'JOB_ENDED'
        WHEN j.status = 'completed' AND e.result = 'failed' THEN 'late_failure'
        WHEN j.status = 'refunded' THEN
            CASE e.result WHEN 'completed' THEN 'late_success' ELSE 'unchanged' END
        WHEN e.result = 'failed' AND e.lease <> coalesce(j.lease, j.id) THEN 'late_failure'
        WHEN e.result = 'completed' AND (j.status = 'failed' OR v_lapsed) THEN 'late_success'
        WHEN e.result = 'completed'
            AND (v_charged <= v_deducted + v_left OR p.over_run = 'overdraft') THEN 'completed'
        ELSE 'refunded' END;
    IF v.effect = 'completed' THEN
        v.status := 'completed';
        v.reason := 'completed';
        v.price := v_charged;
        v.moves := bursar.moves_of_capture(j, e.actor, v_charged, v_deducted, v_left, p.over_run);
    ELSIF v.effect = 'refunded' OR (v.effect = 'late_success' AND j.status <> 'refunded') THEN
        v.status := 'refunded';
        v.given_back := v_deducted + v_left + v_expired;
        v.reason := CASE
            WHEN e.result = 'expired' THEN v_give_up
            WHEN v.effect = 'late_success' THEN coalesce(j.reason, 'hold_lapsed')
            WHEN e.result = 'completed' THEN 'over_run'
            ELSE e.reason END;
        v.moves := bursar.moves_of_refund(j, e.actor, v.reason, v_deducted, v_left);
    END IF;
    RETURN v;
END
$$;

COMMENT ON FUNCTION bursar.judge_generation_end(bursar.generation_end) IS
    'What a job''s end comes to.';
REVOKE ALL ON FUNCTION bursar.judge_generation_end(bursar.generation_end)
    FROM PUBLIC, anon, authenticated;

-- The deduction pays first, then the hold. What of either is not needed goes back.
CREATE OR REPLACE FUNCTION bursar.moves_of_capture(
    j public.generation_jobs, p_actor text, p_charged bigint, p_deducted bigint, p_left bigint,
    p_over_run text
) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(m.move || jsonb_build_object('reason', 'generation',
        'actor', p_actor, 'metadata', jsonb_build_object('job', j.id))), '[]')
    FROM (
        SELECT jsonb_build_object('verb', 'refund', 'transaction_id', j.deduction,
            'amount', p_deducted - p_charged) AS move WHERE p_charged < p_deducted
        UNION ALL SELECT jsonb_build_object('verb', 'release', 'hold_id', j.hold)
            WHERE p_left > 0 AND p_charged <= p_deducted
        UNION ALL SELECT jsonb_build_object('verb', 'capture', 'hold_id', j.hold,
            'amount', p_charged - p_deducted, 'over_run', p_over_run)
            WHERE p_left > 0 AND p_charged > p_deducted
        UNION ALL SELECT jsonb_build_object('verb', 'adjust', 'asset', 'generation_credit',
            'owner_id', j.user_id, 'amount', p_deducted - p_charged, 'shortfall', 'debt')
            WHERE p_left = 0 AND p_charged > p_deducted) AS m
$$;

COMMENT ON FUNCTION bursar.moves_of_capture(
    public.generation_jobs, text, bigint, bigint, bigint, text
) IS 'What the ledger does when a job is completed.';
REVOKE ALL ON FUNCTION bursar.moves_of_capture(
    public.generation_jobs, text, bigint, bigint, bigint, text
) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.moves_of_refund(
    j public.generation_jobs, p_actor text, p_reason text, p_deducted bigint, p_left bigint
) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(m.move || jsonb_build_object('reason', p_reason, 'actor', p_actor,
        'metadata', jsonb_build_object('job', j.id))), '[]')
    FROM (
        SELECT jsonb_build_object('verb', 'refund', 'transaction_id', j.deduction) AS move
            WHERE p_deducted > 0
        UNION ALL SELECT jsonb_build_object('verb', 'release', 'hold_id', j.hold)
            WHERE p_left > 0) AS m
$$;

COMMENT ON FUNCTION bursar.moves_of_refund(public.generation_jobs, text, text, bigint, bigint) IS
    'What the ledger does when a job''s credit is given back.';
REVOKE ALL ON FUNCTION bursar.moves_of_refund(public.generation_jobs, text, text, bigint, bigint)
    FROM PUBLIC, anon, authenticated;
