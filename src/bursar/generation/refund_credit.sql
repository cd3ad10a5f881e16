-- requires: ledger/carry.sql
-- requires: ledger/carry_out.sql
-- requires: ledger/remember.sql
-- requires: ledger/value_shape.sql
-- requires: generation/log_generation.sql
-- requires: generation/older_answer.sql
-- refund_credit: gives the oldest deduction back that has no running, completed or refunded job.
-- Without one there is nothing to give back, so nobody can make credits with it.
--
-- Fields: user_id, [deduction: this one and no other; the service's], [reason], caller {role, sub},
-- [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, BUSY,
-- NOTHING_TO_REFUND, WALLET_CLOSED, BALANCE_LIMIT.
-- Locks: the users' wallets, under which their deductions change; the deduction's transaction; the
-- job that failed.
CREATE OR REPLACE FUNCTION bursar.refund_credit_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'refund_credit';
    q CONSTANT jsonb := CASE jsonb_typeof(p_requests -> 0) WHEN 'object' THEN p_requests -> 0
        ELSE '{}' END;
    v_principal CONSTANT text := coalesce(q ->> 'principal', 'service');
    v_actor CONSTANT text := coalesce(q ->> 'actor', v_principal);
    v_wallets bursar.wallet_state[];
    v_field text;
    v_known bursar.idempotency;
    v_claim bursar.idempotency;
    d public.generation_deductions;
    v_moved json;
BEGIN
    -- Requests are carried out one by one; the wallets of all of them are locked at the first.
    v_wallets := bursar.lock_wallets_of('generation_credit', ARRAY(
        SELECT lower(r ->> 'user_id') FROM jsonb_array_elements(p_requests) AS r
        WHERE bursar.is_uuid(r ->> 'user_id')), p_wait);
    v_field := CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'user_id'), false) THEN 'user_id'
        WHEN jsonb_typeof(q -> 'deduction') <> 'null'
            AND NOT bursar.is_whole(q -> 'deduction', 1, 9007199254740991) THEN 'deduction'
        WHEN NOT bursar.is_text(q -> 'reason') OR length(q ->> 'reason') NOT BETWEEN 1 AND 200
            THEN 'reason'
        WHEN NOT bursar.is_text(q -> 'key') OR NOT bursar.is_printable(q ->> 'key', 255) THEN 'key'
        WHEN v_principal NOT IN ('user', 'service', 'operator') THEN 'principal'
        WHEN NOT bursar.is_text(q -> 'actor') OR NOT bursar.is_printable(v_actor, 255)
            THEN 'actor' END;
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    IF q #>> '{caller,role}' IS DISTINCT FROM 'service_role'
        AND (q #>> '{caller,role}' = 'anon' OR q -> 'deduction' IS NOT NULL
            OR lower(q #>> '{caller,sub}') IS DISTINCT FROM lower(q ->> 'user_id'))
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOT_AUTHORIZED')];
    END IF;
    v_claim.claim := bursar.claim(lower(q ->> 'user_id'), v_principal, v_verb, q ->> 'key');
    v_claim.fingerprint := bursar.fingerprint(coalesce(q ->> 'deduction', ''));
    SELECT * INTO v_known FROM bursar.idempotency WHERE claim = v_claim.claim;
    IF v_known.claim IS NOT NULL THEN
        RETURN ARRAY[CASE WHEN v_known.fingerprint = v_claim.fingerprint
            THEN bursar.replayed(v_known.outcome)
            ELSE bursar.refused(v_verb, 'IDEMPOTENCY_MISMATCH') END];
    END IF;
    IF EXISTS (SELECT FROM unnest(v_wallets) AS s
        WHERE s.owner_id = lower(q ->> 'user_id') AND s.status = 'busy')
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'BUSY')];
    END IF;
    -- What an operator gave back in full by the ledger's own refund is open no more.
    UPDATE public.generation_deductions AS o
    SET status = 'refunded', lapses_at = NULL, ended_at = bursar.clock()
    WHERE o.user_id = (q ->> 'user_id')::uuid AND o.status = 'open'
        AND o.amount <= (SELECT sum(t.amount) FROM bursar.transaction AS t
            WHERE t.corrects = o.transaction_id AND t.verb = 'refund');
    -- Few are open, and few jobs have failed; either has an index of its own. Without the OFFSET
    -- the planner may walk everybody's in the order that is asked for.
    SELECT o.* INTO d FROM (
        (SELECT * FROM public.generation_deductions AS a
            WHERE a.user_id = (q ->> 'user_id')::uuid AND a.status = 'open' OFFSET 0)
        UNION ALL
        SELECT a.* FROM (SELECT j.deduction FROM public.generation_jobs AS j
            WHERE j.user_id = (q ->> 'user_id')::uuid AND j.status = 'failed' OFFSET 0) AS f
        CROSS JOIN LATERAL (SELECT * FROM public.generation_deductions AS b
            WHERE b.transaction_id = f.deduction LIMIT 1) AS a
        WHERE a.status = 'adopted') AS o
    WHERE o.transaction_id = coalesce((q ->> 'deduction')::bigint, o.transaction_id)
    ORDER BY o.transaction_id LIMIT 1;
    IF d.transaction_id IS NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOTHING_TO_REFUND')];
    END IF;

    v_moved := (bursar.carry_out(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'verb', 'refund', 'transaction_id', d.transaction_id,
        'reason', coalesce(q ->> 'reason', 'no job came of it'), 'actor', v_actor,
        'metadata', jsonb_build_object('deduction', d.transaction_id, 'job', d.job_id)))),
        p_wait))[1];
    PERFORM bursar.log_generation(d.job_id, d.user_id,
        CASE v_moved ->> 'status' WHEN 'done' THEN 'refunded' ELSE 'refund_refused' END,
        coalesce(q ->> 'reason', 'no job came of it'), d.amount, v_actor, v_moved::jsonb);
    IF v_moved ->> 'status' = 'refused' THEN
        RETURN ARRAY[bursar.refused(v_verb, v_moved ->> 'code', (v_moved -> 'details')::jsonb)];
    END IF;
    UPDATE public.generation_deductions
    SET status = 'refunded', lapses_at = NULL, ended_at = bursar.clock()
    WHERE transaction_id = d.transaction_id;
    UPDATE public.generation_jobs
    SET status = 'refunded', due_at = NULL, finished_at = bursar.clock()
    WHERE id = d.job_id AND status = 'failed';
    v_claim.outcome := json_build_object('status', 'done', 'verb', v_verb,
        'transaction_id', v_moved -> 'transaction_id', 'owner_id', v_moved -> 'owner_id',
        'asset', v_moved -> 'asset', 'amount', v_moved -> 'amount', 'balance', v_moved -> 'balance',
        'held', v_moved -> 'held', 'available', v_moved -> 'available',
        'deduction', d.transaction_id, 'job_id', d.job_id, 'replayed', false);
    v_claim.created_at := bursar.clock();
    IF v_claim.claim IS NOT NULL THEN
        PERFORM bursar.remember(ARRAY[v_claim]);
    END IF;
    RETURN ARRAY[v_claim.outcome];
END
$$;

COMMENT ON FUNCTION bursar.refund_credit_batch(jsonb, boolean) IS 'Handler of refund_credit.';
REVOKE ALL ON FUNCTION bursar.refund_credit_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.refund_credit(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('refund_credit', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.refund_credit(jsonb) IS 'Gives open deductions back; a batch.';
REVOKE ALL ON FUNCTION bursar.refund_credit(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.refund_credit(jsonb) TO service_role, bursar_service;

-- For direct SQL callers and stock clients: what older apps call when something went wrong. It
-- answers a refusal and does not raise it.
CREATE OR REPLACE FUNCTION public.refund_credit_atomic(p_user_id uuid) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.older_answer(bursar.carry('refund_credit', jsonb_build_array(jsonb_build_object(
        'user_id', p_user_id,
        'caller', bursar.caller(),
        'actor', 'sql:' || bursar.caller_role()))) -> 0)
$$;

COMMENT ON FUNCTION public.refund_credit_atomic(uuid) IS
    'Gives the oldest deduction back that no job came of; answers what came of it.';
REVOKE ALL ON FUNCTION public.refund_credit_atomic(uuid) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.refund_credit_atomic(uuid)
    TO authenticated, service_role, bursar_service;
