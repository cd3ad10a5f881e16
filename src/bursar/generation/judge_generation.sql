-- requires: ledger/count_before_repeat.sql
-- requires: ledger/refused.sql
-- requires: generation/read_generation.sql
-- Judges requests under their users' locks, by the clock after the locks: who has to wait, and
-- which open deduction a job takes over. Requests of one user depend on each other, so the batch is
-- cut before the second of them.
--
-- Who has no credit is told that rather than to wait: waiting would not help. Whoever takes over a
-- deduction takes over its turn as well, and does not wait for it again. Where it was made for
-- another product, whose turns may be closer, the turn before it counts.
CREATE OR REPLACE FUNCTION bursar.judge_generation(
    p_requests bursar.generation_request[], p_wallets bursar.wallet_state[], p_adopts boolean
) RETURNS bursar.generation_request[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_requests bursar.generation_request[] := p_requests[:(
        SELECT bursar.count_before_repeat(array_agg(q.user_id ORDER BY q.n))
        FROM unnest(p_requests) AS q)];
BEGIN
    RETURN ARRAY(SELECT ROW(q.n, q.user_id, q.product, q.input, q.price, q.rate_limit_seconds,
        q.job_id, d.transaction_id,
        CASE WHEN r.refusal IS NULL AND r.to_hold > 0 AND p_adopts
            THEN nextval('bursar.hold_id_seq') END,
        r.to_hold, q.actor, q.claim, q.fingerprint, r.refusal,
        CASE WHEN r.refusal = 'RATE_LIMITED'
            THEN jsonb_build_object('retry_after_seconds', w.seconds)
            WHEN r.refusal IS NOT NULL THEN coalesce(q.details, '{}') END
        )::bursar.generation_request
    FROM unnest(v_requests) AS q
    LEFT JOIN unnest(p_wallets) AS s ON s.owner_id = q.user_id::text
    LEFT JOIN LATERAL (SELECT o.last_generate_at FROM public.profiles AS o
        WHERE o.id = q.user_id LIMIT 1) AS l ON true
    LEFT JOIN LATERAL (SELECT o.claim FROM bursar.idempotency AS o
        WHERE o.claim = q.claim LIMIT 1) AS k ON true
    -- Without the OFFSET the planner may walk everybody's in the order that is asked for.
    LEFT JOIN LATERAL (SELECT a.transaction_id, a.amount, (SELECT t.metadata
            FROM bursar.transaction AS t WHERE t.id = a.transaction_id) AS made FROM (
            SELECT o.* FROM public.generation_deductions AS o
            WHERE o.user_id = q.user_id AND o.status = 'open' OFFSET 0) AS a
        WHERE p_adopts AND k.claim IS NULL AND coalesce(a.lapses_at > v_now, true)
            -- What an operator gave back, in part or in full, pays for no job.
            AND NOT EXISTS (SELECT FROM bursar.transaction AS t
                WHERE t.corrects = a.transaction_id AND t.verb = 'refund')
        ORDER BY a.transaction_id LIMIT 1) AS d ON true
    CROSS JOIN LATERAL (SELECT ceil(extract(epoch FROM CASE
            WHEN d.transaction_id IS NULL THEN l.last_generate_at
            WHEN d.made ->> 'product' <> q.product
                THEN (d.made ->> 'turn_before')::timestamptz END
        + make_interval(secs => q.rate_limit_seconds) - v_now))::bigint AS seconds OFFSET 0) AS w
    CROSS JOIN LATERAL (SELECT greatest(0, q.price - coalesce(d.amount, 0)) AS to_hold, CASE
        WHEN k.claim IS NOT NULL THEN NULL
        WHEN q.refusal IS NOT NULL THEN q.refusal
        WHEN s.status = 'busy' THEN 'BUSY'
        WHEN w.seconds > 0
            AND s.balance - s.held >= greatest(0, q.price - coalesce(d.amount, 0))
            THEN 'RATE_LIMITED' END AS refusal OFFSET 0) AS r
    ORDER BY q.n);
END
$$;

COMMENT ON FUNCTION bursar.judge_generation(
    bursar.generation_request[], bursar.wallet_state[], boolean
) IS 'Judges requests to deduct or to submit under their locks.';
REVOKE ALL ON FUNCTION bursar.judge_generation(
    bursar.generation_request[], bursar.wallet_state[], boolean
) FROM PUBLIC, anon, authenticated;

-- Notes who used their turn, and tells those who came too early how long to wait.
CREATE OR REPLACE FUNCTION bursar.keep_rate_limits(
    p_requests bursar.generation_request[], p_posted bursar.posted, p_verb text
) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_outcomes json[] := p_posted.outcomes;
    q bursar.generation_request;
BEGIN
    UPDATE public.profiles SET last_generate_at = bursar.clock()
    WHERE id = ANY (ARRAY(SELECT r.user_id FROM unnest(p_requests) AS r
        WHERE p_posted.transaction_ids[r.n] IS NOT NULL AND r.deduction IS NULL));
    FOREACH q IN ARRAY p_requests LOOP
        IF q.refusal = 'RATE_LIMITED' THEN
            v_outcomes[q.n] := bursar.refused(p_verb, q.refusal, q.details, format(
                'Please wait %s %s before generating again.', q.details ->> 'retry_after_seconds',
                CASE q.details ->> 'retry_after_seconds' WHEN '1' THEN 'second' ELSE 'seconds' END
            ));
        END IF;
    END LOOP;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.keep_rate_limits(bursar.generation_request[], bursar.posted, text) IS
    'Notes who used their turn, and tells others how long to wait.';
REVOKE ALL ON FUNCTION bursar.keep_rate_limits(bursar.generation_request[], bursar.posted, text)
    FROM PUBLIC, anon, authenticated;
