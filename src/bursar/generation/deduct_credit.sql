-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: generation/judge_generation.sql
-- requires: generation/older_answer.sql
-- deduct_credit: takes a job's price in advance, as apps do that deduct first and submit then. The
-- next job of the user takes the deduction over. One that no job takes over is given back after a
-- while (`expire_credit_deductions`), or when somebody asks (`refund_credit`).
--
-- Fields: user_id, [product = image], [rate_limit_seconds: 0 to 86400; by default the product's],
-- caller {role, sub}, [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, PRODUCT_NOT_FOUND,
-- BUSY, WALLET_NOT_FOUND, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, RATE_LIMITED (told
-- before a wallet's status where there is credit enough).
-- Locks: the users' wallets.
CREATE OR REPLACE FUNCTION bursar.deduct_credit_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'deduct_credit';
    v_asset CONSTANT text := 'generation_credit';
    v_in bursar.generation_request[] := bursar.read_generation(p_requests, v_verb);
    v_wallets bursar.wallet_state[];
    v_posted bursar.posted;
    v_now timestamptz;
    v_written bigint;
BEGIN
    v_wallets := bursar.lock_wallets_of(v_asset, ARRAY(
        SELECT q.user_id::text FROM unnest(v_in) AS q WHERE q.refusal IS NULL), p_wait);
    v_in := bursar.judge_generation(v_in, v_wallets, false);
    v_posted := bursar.post(v_wallets,
        ARRAY(SELECT ROW(q.n, CASE WHEN q.refusal IS NULL THEN 2 ELSE 0 END, v_verb, v_asset,
            q.user_id::text, coalesce(q.price, 0), 'deducted before a job', q.actor, NULL, NULL,
            jsonb_build_object('product', q.product, 'turn_before', (
                SELECT o.last_generate_at FROM public.profiles AS o WHERE o.id = q.user_id)),
            q.claim, q.fingerprint, 'refuse', NULL, q.refusal, q.details, NULL)
            ::bursar.request FROM unnest(v_in) AS q ORDER BY q.n),
        ARRAY(SELECT l.leg FROM unnest(v_in) AS q CROSS JOIN LATERAL (VALUES
            (1, ROW(q.n, v_asset, q.user_id::text, -q.price, 0, 'used')::bursar.leg),
            (2, ROW(q.n, v_asset, 'system:revenue', q.price, 0, 'used')::bursar.leg)
            ) AS l (place, leg)
            WHERE q.refusal IS NULL ORDER BY q.n, l.place),
        '{"INSUFFICIENT_FUNDS": "Not enough credits to generate this."}');
    v_now := bursar.clock();
    INSERT INTO public.generation_deductions (
        transaction_id, user_id, amount, created_at, lapses_at)
    SELECT v_posted.transaction_ids[q.n], q.user_id, q.price, v_now,
        v_now + make_interval(secs => p.deduction_seconds)
    FROM unnest(v_in) AS q
    CROSS JOIN LATERAL (SELECT * FROM public.generation_products AS o
        WHERE o.product = q.product LIMIT 1) AS p
    WHERE v_posted.transaction_ids[q.n] IS NOT NULL;
    GET DIAGNOSTICS v_written = ROW_COUNT;
    IF v_written < (SELECT count(t) FROM unnest(v_posted.transaction_ids) AS t) THEN
        RAISE EXCEPTION 'A product went meanwhile.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN bursar.keep_rate_limits(v_in, v_posted, v_verb);
END
$$;

COMMENT ON FUNCTION bursar.deduct_credit_batch(jsonb, boolean) IS 'Handler of deduct_credit.';
REVOKE ALL ON FUNCTION bursar.deduct_credit_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.deduct_credit(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('deduct_credit', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.deduct_credit(jsonb) IS 'Takes jobs'' prices in advance; a batch.';
REVOKE ALL ON FUNCTION bursar.deduct_credit(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.deduct_credit(jsonb) TO service_role, bursar_service;

-- For direct SQL callers and stock clients: what older apps call before they submit. It answers a
-- refusal and does not raise it.
CREATE OR REPLACE FUNCTION public.deduct_credit_atomic(
    p_user_id uuid, p_rate_limit_seconds integer
) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT bursar.older_answer(bursar.carry('deduct_credit', jsonb_build_array(jsonb_build_object(
        'user_id', p_user_id,
        'rate_limit_seconds', p_rate_limit_seconds,
        'caller', bursar.caller(),
        'actor', 'sql:' || bursar.caller_role()))) -> 0)
$$;

COMMENT ON FUNCTION public.deduct_credit_atomic(uuid, integer) IS
    'Takes one credit before a job, unless it is too early; answers what came of it.';
REVOKE ALL ON FUNCTION public.deduct_credit_atomic(uuid, integer) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.deduct_credit_atomic(uuid, integer)
    TO authenticated, service_role, bursar_service;
