-- requires: ledger/carry.sql
-- grant: credits an owner's wallet from outside. The other side is `system:external` when the grant
-- names an external transaction (a card payment, a store purchase), else `system:issuance`. An
-- external id has an effect once, for ever, whoever presents it.
--
-- Fields: owner_id, asset, amount, [bucket], [external: {provider, account, mode: live | test,
-- id}], and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, EXTERNAL_ID_TAKEN,
-- ASSET_NOT_FOUND, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.grant_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ROW(q.n, q.asset,
        CASE WHEN q.external IS NULL THEN 'system:issuance' ELSE 'system:external' END,
        -q.amount, 0, coalesce(q.bucket, 'granted')),
    ROW(q.n, q.asset, q.owner_id, q.amount, 0,
        coalesce(q.bucket, CASE WHEN q.external IS NULL THEN 'promotional' ELSE 'purchased' END))
]::bursar.leg[];

COMMENT ON FUNCTION bursar.grant_legs(bursar.instruction) IS 'What a grant does to each wallet.';
REVOKE ALL ON FUNCTION bursar.grant_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.grant(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('grant', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.grant(jsonb) IS 'Credits wallets from outside; a batch.';
REVOKE ALL ON FUNCTION bursar.grant(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.grant(jsonb) TO service_role, bursar_service;
