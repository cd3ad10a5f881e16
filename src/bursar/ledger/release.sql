-- requires: ledger/carry.sql
-- release: gives back what a hold set aside, or a part of it.
--
-- Fields: hold_id, [amount = all that is left],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, HOLD_NOT_FOUND, HOLD_ENDED,
-- HOLD_EXCEEDED, BUSY.
CREATE OR REPLACE FUNCTION bursar.release_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[ROW(q.n, q.asset, q.owner_id, 0, -q.amount, NULL)]::bursar.leg[];

COMMENT ON FUNCTION bursar.release_legs(bursar.instruction) IS
    'What a release does to each wallet.';
REVOKE ALL ON FUNCTION bursar.release_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.release(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('release', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.release(jsonb) IS 'Gives back what holds set aside; a batch.';
REVOKE ALL ON FUNCTION bursar.release(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.release(jsonb) TO service_role, bursar_service;
