-- requires: ledger/carry_out.sql
-- requires: ledger/cap_window.sql
-- Awards credits for something that happened once: the key names it. So much in a window of the
-- calendar and no more; what is beyond it is not awarded later. The user's wallet is locked by the
-- caller, so awards of one user are counted one after the other.
CREATE OR REPLACE FUNCTION bursar.award_credits(
    p_user_id uuid, p_award text, p_amount bigint, p_key text, p_wait boolean
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_award public.awards;
    v_window timestamptz[];
    v_used bigint;
    v_amount bigint;
    v_granted json;
BEGIN
    SELECT * INTO v_award FROM public.awards WHERE award = p_award;
    IF v_award.award IS NULL OR EXISTS (SELECT FROM public.credit_txns
        WHERE user_id = p_user_id AND idempotency_key = p_key)
    THEN
        RETURN 0;
    END IF;
    v_window := bursar.cap_window(v_award.period, NULL, v_award.zone, v_now);
    v_used := (SELECT coalesce(sum(amount), 0) FROM public.credit_txns
        WHERE user_id = p_user_id AND reason = p_award
            AND created_at >= v_window[1] AND created_at < v_window[2]);
    v_amount := least(coalesce(p_amount, v_award.credits), v_award.allowed - v_used);
    IF v_amount <= 0 THEN
        RETURN 0;
    END IF;
    v_granted := (bursar.carry_out(jsonb_build_array(jsonb_build_object('verb', 'grant',
        'owner_id', p_user_id, 'asset', 'community_credit', 'amount', v_amount, 'bucket', 'earned',
        'reason', p_award, 'actor', 'community', 'metadata', jsonb_build_object('key', p_key))),
        p_wait))[1];
    IF v_granted ->> 'status' = 'refused' THEN
        RETURN 0;
    END IF;
    INSERT INTO public.credit_txns (
        user_id, amount, reason, idempotency_key, transaction_id, created_at)
    VALUES (p_user_id, v_amount, p_award, p_key,
        (v_granted ->> 'transaction_id')::bigint, v_now);
    RETURN v_amount;
END
$$;

COMMENT ON FUNCTION bursar.award_credits(uuid, text, bigint, text, boolean) IS
    'Awards credits once for what the key names; answers how many.';
REVOKE ALL ON FUNCTION bursar.award_credits(uuid, text, bigint, text, boolean)
    FROM PUBLIC, anon, authenticated;

-- Whether the caller speaks for a user: the user themselves, or the service.
CREATE OR REPLACE FUNCTION bursar.speaks_for(p_caller jsonb, p_user_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(p_caller ->> 'role' = 'service_role'
    OR (p_caller ->> 'role' <> 'anon' AND lower(p_caller ->> 'sub') = lower(p_user_id)), false);

COMMENT ON FUNCTION bursar.speaks_for(jsonb, text) IS 'Whether the caller speaks for a user.';
REVOKE ALL ON FUNCTION bursar.speaks_for(jsonb, text) FROM PUBLIC, anon, authenticated;
