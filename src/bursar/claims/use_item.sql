-- requires: ledger/carry.sql
-- requires: claims/streak_shield.sql
-- use_item: a user uses an item that they have, for instance a shield; an entry like any other.
--
-- Fields: user_id, [asset = streak_shield], [amount = 1], [reason], caller {role, sub}, [key],
-- [principal], [actor].
-- Refusals, in order: DEGRADED, NOT_AUTHORIZED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND,
-- BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
CREATE OR REPLACE FUNCTION bursar.use_item_batch(p_requests jsonb, p_wait boolean) RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_spends jsonb;
    v_before integer;  -- how many come before the first that its caller may not ask for
BEGIN
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('verb', 'spend',
            'owner_id', t.q -> 'user_id', 'asset', coalesce(t.q -> 'asset', '"streak_shield"'),
            'amount', coalesce(t.q -> 'amount', '1'), 'reason', coalesce(t.q -> 'reason', '"used"'),
            'key', t.q -> 'key', 'principal', t.q -> 'principal', 'actor', t.q -> 'actor'))
            ORDER BY t.n),
        coalesce(min(t.n) FILTER (WHERE t.q #>> '{caller,role}' IS DISTINCT FROM 'service_role'
            AND (t.q #>> '{caller,sub}' IS DISTINCT FROM t.q ->> 'user_id'
                OR t.q ->> 'user_id' IS NULL)) - 1, count(*))
    INTO v_spends, v_before
    FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n);
    IF v_before = 0 THEN
        RETURN ARRAY[bursar.refused('use_item', 'NOT_AUTHORIZED')];
    END IF;
    RETURN bursar.carry_out(
        jsonb_path_query_array(v_spends, '$[0 to $last]', jsonb_build_object('last', v_before - 1)),
        p_wait);
END
$$;

COMMENT ON FUNCTION bursar.use_item_batch(jsonb, boolean) IS 'Handler of use_item.';
REVOKE ALL ON FUNCTION bursar.use_item_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.use_item(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('use_item', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.use_item(jsonb) IS 'Uses items that users have; a batch.';
REVOKE ALL ON FUNCTION bursar.use_item(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.use_item(jsonb) TO service_role, bursar_service;
