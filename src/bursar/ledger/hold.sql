-- requires: ledger/carry.sql
-- hold: sets an amount aside until it is captured, released or lapses. Posted balances stay.
--
-- Fields: owner_id, asset, amount, [expires_in_seconds = 3600, at most 86400],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
-- WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
CREATE OR REPLACE FUNCTION bursar.hold_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[ROW(q.n, q.asset, q.owner_id, 0, q.amount, NULL)]::bursar.leg[];

COMMENT ON FUNCTION bursar.hold_legs(bursar.instruction) IS 'What a hold does to each wallet.';
REVOKE ALL ON FUNCTION bursar.hold_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.hold(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('hold', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.hold(jsonb) IS 'Sets amounts aside; a batch.';
REVOKE ALL ON FUNCTION bursar.hold(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.hold(jsonb) TO service_role, bursar_service;
