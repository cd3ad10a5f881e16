-- requires: ledger/carry.sql
-- freeze: sets a wallet's status. A frozen wallet pays nothing and still receives; a closed one
-- does neither, and must be empty.
--
-- Fields: owner_id, asset, wallet_status = open | frozen | closed,
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
-- WALLET_NOT_FOUND, WALLET_NOT_EMPTY.
CREATE OR REPLACE FUNCTION bursar.freeze_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[ROW(q.n, q.asset, q.owner_id, 0, 0, NULL)]::bursar.leg[];

COMMENT ON FUNCTION bursar.freeze_legs(bursar.instruction) IS 'What a freeze does to each wallet.';
REVOKE ALL ON FUNCTION bursar.freeze_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.freeze(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('freeze', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.freeze(jsonb) IS 'Freezes, closes or opens wallets; a batch.';
REVOKE ALL ON FUNCTION bursar.freeze(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.freeze(jsonb) TO service_role, bursar_service;
