-- requires: ledger/carry.sql
-- requires: ledger/carry_out.sql
-- requires: ledger/lock_wallets.sql
-- requires: ledger/remember.sql
-- requires: community/community_credit.sql
-- requires: community/award_credits.sql
-- boost_post: a user pays for a post of their own to stand above the others for a day.
--
-- Fields: post_id, user_id, caller {role, sub}, [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, NOT_AUTHORIZED, IDEMPOTENCY_MISMATCH, POST_NOT_FOUND,
-- PENALTY_ACTIVE, BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
-- Locks: the users' wallets; the post.
CREATE OR REPLACE FUNCTION bursar.boost_price() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 5;

COMMENT ON FUNCTION bursar.boost_price() IS 'What a day above the others costs, in credits.';
REVOKE ALL ON FUNCTION bursar.boost_price() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.boost_post_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'boost_post';
    q CONSTANT jsonb := CASE jsonb_typeof(p_requests -> 0) WHEN 'object' THEN p_requests -> 0
        ELSE '{}' END;
    v_principal CONSTANT text := coalesce(q ->> 'principal', 'service');
    v_wallets bursar.wallet_state[];
    v_field text;
    v_known bursar.idempotency;
    v_claim bursar.idempotency;
    v_user public.users;
    v_post public.posts;
    v_spent json;
BEGIN
    -- Requests are carried out one by one; the wallets of all of them are locked at the first.
    v_wallets := bursar.lock_wallets_of('community_credit', ARRAY(
        SELECT DISTINCT lower(r ->> 'user_id') FROM jsonb_array_elements(p_requests) AS r
        WHERE bursar.is_uuid(r ->> 'user_id')), p_wait);
    v_field := CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'post_id'), false) THEN 'post_id'
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'user_id'), false) THEN 'user_id'
        WHEN NOT bursar.is_text(q -> 'key') OR NOT bursar.is_printable(q ->> 'key', 255) THEN 'key'
        WHEN v_principal NOT IN ('user', 'service', 'operator') THEN 'principal' END;
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    IF NOT bursar.speaks_for(q -> 'caller', q ->> 'user_id') THEN
        RETURN ARRAY[bursar.refused(v_verb, 'NOT_AUTHORIZED')];
    END IF;
    v_claim.claim := bursar.claim(lower(q ->> 'user_id'), v_principal, v_verb, q ->> 'key');
    v_claim.fingerprint := bursar.fingerprint(lower(q ->> 'post_id'));
    SELECT * INTO v_known FROM bursar.idempotency WHERE claim = v_claim.claim;
    IF v_known.claim IS NOT NULL THEN
        RETURN ARRAY[CASE WHEN v_known.fingerprint = v_claim.fingerprint
            THEN bursar.replayed(v_known.outcome)
            ELSE bursar.refused(v_verb, 'IDEMPOTENCY_MISMATCH') END];
    END IF;
    SELECT * INTO v_user FROM public.users WHERE id = (q ->> 'user_id')::uuid;
    SELECT * INTO v_post FROM public.posts
    WHERE id = (q ->> 'post_id')::uuid AND user_id = v_user.id FOR NO KEY UPDATE;
    IF v_post.id IS NULL OR v_post.is_hidden OR v_post.is_deleted
        OR v_post.moderation_status <> 'approved'
    THEN
        RETURN ARRAY[bursar.refused(v_verb, 'POST_NOT_FOUND',
            jsonb_build_object('post_id', q ->> 'post_id'))];
    END IF;
    IF v_user.boost_penalty_until > bursar.clock() THEN
        RETURN ARRAY[bursar.refused(v_verb, 'PENALTY_ACTIVE',
            jsonb_build_object('until', v_user.boost_penalty_until))];
    END IF;
    v_spent := (bursar.carry_out(jsonb_build_array(jsonb_build_object('verb', 'spend',
        'owner_id', v_user.id, 'asset', 'community_credit', 'amount', bursar.boost_price(),
        'reason', 'boost', 'actor', coalesce(q ->> 'actor', v_principal),
        'metadata', jsonb_build_object('post', v_post.id))), p_wait))[1];
    v_claim.created_at := bursar.clock();
    IF v_spent ->> 'status' = 'refused' THEN
        v_claim.outcome :=
            bursar.refused(v_verb, v_spent ->> 'code', (v_spent -> 'details')::jsonb);
        -- Who was refused is not charged by the same request that comes again after a top-up.
        IF v_claim.claim IS NOT NULL AND (
            SELECT remembered FROM bursar.refusal WHERE code = v_spent ->> 'code')
        THEN
            PERFORM bursar.remember(ARRAY[v_claim]);
        END IF;
        RETURN ARRAY[v_claim.outcome];
    END IF;
    UPDATE public.posts
    SET boosted_until = greatest(boosted_until, bursar.clock()) + interval '1 day'
    WHERE id = v_post.id RETURNING * INTO v_post;
    INSERT INTO public.credit_txns (
        user_id, amount, reason, idempotency_key, transaction_id, created_at)
    VALUES (v_user.id, -bursar.boost_price(), 'boost',
        'boost:' || (v_spent ->> 'transaction_id'), (v_spent ->> 'transaction_id')::bigint,
        bursar.clock());
    v_claim.outcome := json_build_object('status', 'done', 'verb', v_verb,
        'transaction_id', v_spent -> 'transaction_id', 'owner_id', v_user.id,
        'asset', v_spent -> 'asset', 'amount', v_spent -> 'amount',
        'balance', v_spent -> 'balance', 'post_id', v_post.id,
        'boosted_until', v_post.boosted_until, 'replayed', false);
    IF v_claim.claim IS NOT NULL THEN
        PERFORM bursar.remember(ARRAY[v_claim]);
    END IF;
    RETURN ARRAY[v_claim.outcome];
END
$$;

COMMENT ON FUNCTION bursar.boost_post_batch(jsonb, boolean) IS 'Handler of boost_post.';
REVOKE ALL ON FUNCTION bursar.boost_post_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.boost_post(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('boost_post', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.boost_post(jsonb) IS 'Boosts posts for credits; a batch.';
REVOKE ALL ON FUNCTION bursar.boost_post(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.boost_post(jsonb) TO service_role, bursar_service;
