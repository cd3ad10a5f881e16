-- requires: ledger/carry.sql
-- transfer: moves an amount from one wallet to another of the same asset.
--
-- Fields: owner_id (who pays), to_owner_id, asset, amount, [bucket],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, SELF_TRANSFER,
-- BUSY, WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.transfer_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ROW(q.n, q.asset, q.owner_id, -q.amount, 0, coalesce(q.bucket, 'used')),
    ROW(q.n, q.asset, q.to_owner_id, q.amount, 0, coalesce(q.bucket, 'earned'))
]::bursar.leg[];

COMMENT ON FUNCTION bursar.transfer_legs(bursar.instruction) IS
    'What a transfer does to each wallet.';
REVOKE ALL ON FUNCTION bursar.transfer_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.transfer(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('transfer', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.transfer(jsonb) IS 'Moves amounts between wallets; a batch.';
REVOKE ALL ON FUNCTION bursar.transfer(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.transfer(jsonb) TO service_role, bursar_service;
