-- requires: ledger/attempt.sql
-- requires: generation/end_generation.sql
-- requires: generation/refund_credit.sql
-- The sweepers: what nobody ends any more is given up, and its credit given back. Jobs are judged
-- again under their locks. Busy wallets are left for the next time.

-- Jobs that were not taken up in time, that are stuck, whose last worker was lost, and those whose
-- credit could not be given back before. Answers how many credits' jobs it ended.
CREATE OR REPLACE FUNCTION bursar.expire_generation_jobs(p_limit integer DEFAULT 200)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_requests jsonb;
BEGIN
    v_requests := (SELECT jsonb_agg(jsonb_build_object('job_id', d.id, 'result', 'expired',
            'caller', jsonb_build_object('role', 'service_role'), 'actor', 'system')
            ORDER BY d.user_id, d.id)
        FROM (SELECT j.id, j.user_id FROM public.generation_jobs AS j
            CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
                WHERE o.product = j.product LIMIT 1) AS p
            WHERE j.due_at IS NOT NULL AND (j.status <> 'failed' OR j.due_at <= v_now)
                AND bursar.reason_to_give_up(j, p, v_now) IS NOT NULL
            ORDER BY j.due_at LIMIT p_limit) AS d);
    IF v_requests IS NULL THEN
        RETURN 0;
    END IF;
    RETURN (SELECT count(*) FROM json_array_elements(bursar.carry('end_generation', v_requests))
            AS o (outcome)
        WHERE o.outcome ->> 'effect' = 'refunded');
END
$$;

COMMENT ON FUNCTION bursar.expire_generation_jobs(integer) IS
    'Gives up jobs that nobody ends any more; answers how many.';
REVOKE ALL ON FUNCTION bursar.expire_generation_jobs(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.expire_generation_jobs(integer) TO service_role, bursar_service;

-- Deductions that no job took over in time.
CREATE OR REPLACE FUNCTION bursar.expire_credit_deductions(p_limit integer DEFAULT 200)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_ids bigint[];
    v_outcomes json;
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 0;
    END IF;
    v_ids := ARRAY(SELECT transaction_id FROM public.generation_deductions
        WHERE lapses_at <= v_now ORDER BY lapses_at LIMIT p_limit);
    IF cardinality(v_ids) = 0 THEN
        RETURN 0;
    END IF;
    v_outcomes := bursar.carry('refund_credit', (SELECT jsonb_agg(jsonb_build_object(
            'user_id', d.user_id, 'deduction', d.transaction_id, 'reason', 'no job came of it',
            'caller', jsonb_build_object('role', 'service_role'), 'actor', 'system')
            ORDER BY d.user_id, d.transaction_id)
        FROM public.generation_deductions AS d WHERE d.transaction_id = ANY (v_ids)));
    -- What could not be given back is tried again a little later.
    UPDATE public.generation_deductions SET lapses_at = v_now + interval '5 minutes'
    WHERE transaction_id = ANY (v_ids) AND status = 'open';
    RETURN (SELECT count(*) FROM json_array_elements(v_outcomes) AS o (outcome)
        WHERE o.outcome ->> 'status' = 'done');
END
$$;

COMMENT ON FUNCTION bursar.expire_credit_deductions(integer) IS
    'Gives deductions back that no job took over; answers how many.';
REVOKE ALL ON FUNCTION bursar.expire_credit_deductions(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.expire_credit_deductions(integer) TO service_role, bursar_service;
