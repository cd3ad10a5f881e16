-- requires: ledger/carry.sql
-- spend: takes an amount from a wallet; what it was spent on is revenue.
--
-- Fields: owner_id, asset, amount, [bucket],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
-- WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS.
CREATE OR REPLACE FUNCTION bursar.spend_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ROW(q.n, q.asset, q.owner_id, -q.amount, 0, coalesce(q.bucket, 'used')),
    ROW(q.n, q.asset, 'system:revenue', q.amount, 0, coalesce(q.bucket, 'used'))
]::bursar.leg[];

COMMENT ON FUNCTION bursar.spend_legs(bursar.instruction) IS 'What a spend does to each wallet.';
REVOKE ALL ON FUNCTION bursar.spend_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.spend(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('spend', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.spend(jsonb) IS 'Takes amounts from wallets; a batch.';
REVOKE ALL ON FUNCTION bursar.spend(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.spend(jsonb) TO service_role, bursar_service;
