-- requires: ledger/carry.sql
-- requires: ledger/post.sql
-- requires: claims/check_wallet_integrity.sql
-- correct_shields: brings a user's shields to what their claims, uses and refunds come to; the
-- difference is found under the wallet's lock. Used shields stay used. It is no claim and no use,
-- so it does not count among them, and a second time there is nothing left to correct.
--
-- Fields: user_id, [reason], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, BUSY, WALLET_NOT_FOUND, WALLET_CLOSED, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.correct_shields_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'correct_shields';
    v_asset CONSTANT text := 'streak_shield';
    q CONSTANT jsonb := p_requests -> 0;
    v_user_id CONSTANT text := q ->> 'user_id';
    v_field CONSTANT text := CASE
        WHEN NOT coalesce(bursar.is_text(q -> 'user_id') AND bursar.is_owner(v_user_id, 'text'),
            false) THEN 'user_id'
        WHEN NOT bursar.is_text(q -> 'reason') OR length(q ->> 'reason') NOT BETWEEN 1 AND 200
            THEN 'reason'
        WHEN NOT bursar.is_text(q -> 'actor') OR NOT bursar.is_printable(q ->> 'actor', 255)
            THEN 'actor' END;
    v_wallets bursar.wallet_state[];
    v_difference bigint;
BEGIN
    -- Requests are carried out one by one; the wallets of all of them are locked at the first.
    v_wallets := bursar.lock_wallets_of(v_asset, ARRAY(
        SELECT r ->> 'user_id' FROM jsonb_array_elements(p_requests) AS r
        WHERE bursar.is_text(r -> 'user_id') AND bursar.is_owner(r ->> 'user_id', 'text')),
        p_wait);
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    v_wallets := ARRAY(SELECT s FROM unnest(v_wallets) AS s WHERE s.owner_id = v_user_id);
    IF v_wallets[1].status IN ('missing', 'busy') THEN
        RETURN ARRAY[bursar.refused(v_verb, CASE v_wallets[1].status WHEN 'busy' THEN 'BUSY'
            ELSE 'WALLET_NOT_FOUND' END)];
    END IF;
    v_difference := coalesce((SELECT s.claim_count - s.wallet_count
        FROM bursar.count_shields(v_user_id) AS s), 0);
    IF v_difference = 0 THEN
        RETURN ARRAY[json_build_object('status', 'done', 'verb', v_verb, 'owner_id', v_user_id,
            'asset', v_asset, 'amount', 0, 'balance', v_wallets[1].balance, 'replayed', false)];
    END IF;
    RETURN (bursar.post(v_wallets,
        ARRAY[ROW(1, 2, v_verb, v_asset, v_user_id, abs(v_difference),
            coalesce(q ->> 'reason', v_verb), coalesce(q ->> 'actor', 'service'), NULL, NULL, NULL,
            NULL, NULL, CASE WHEN v_difference < 0 THEN 'debt' ELSE 'refuse' END,
            NULL, NULL, NULL, NULL)::bursar.request],
        ARRAY[
            ROW(1, v_asset, v_user_id, v_difference, 0, 'adjusted'),
            ROW(1, v_asset, 'system:adjustment', -v_difference, 0, 'adjusted')
        ]::bursar.leg[])).outcomes;
END
$$;

COMMENT ON FUNCTION bursar.correct_shields_batch(jsonb, boolean) IS 'Handler of correct_shields.';
REVOKE ALL ON FUNCTION bursar.correct_shields_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.correct_shields(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('correct_shields', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.correct_shields(jsonb) IS
    'Brings shields to what claims, uses and refunds come to; a batch.';
REVOKE ALL ON FUNCTION bursar.correct_shields(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.correct_shields(jsonb) TO service_role, bursar_service;
