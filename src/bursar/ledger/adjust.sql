-- requires: ledger/carry.sql
-- adjust: an operator's correction, up or down. Down beyond what is available it is refused, or
-- becomes debt where `shortfall` says so.
--
-- Fields: owner_id, asset, amount (signed, not zero), [shortfall = refuse | debt],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, ASSET_NOT_FOUND, BUSY,
-- WALLET_CLOSED, WALLET_FROZEN, INSUFFICIENT_FUNDS, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.adjust_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ROW(q.n, q.asset, q.owner_id, q.amount, 0, 'adjusted'),
    ROW(q.n, q.asset, 'system:adjustment', -q.amount, 0, 'adjusted')
]::bursar.leg[];

COMMENT ON FUNCTION bursar.adjust_legs(bursar.instruction) IS 'What a adjust does to each wallet.';
REVOKE ALL ON FUNCTION bursar.adjust_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.adjust(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('adjust', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.adjust(jsonb) IS 'Corrects wallets, up or down; a batch.';
REVOKE ALL ON FUNCTION bursar.adjust(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.adjust(jsonb) TO service_role, bursar_service;
