-- requires: ledger/carry.sql
-- capture: takes what a hold set aside, or a part of it. A `final` capture (the default) releases
-- the rest; others may follow one that is not. What is asked beyond the hold is an over-run:
-- refused, cut to the hold (`cap`), or spent besides and owed where it is not available
-- (`overdraft`).
--
-- Fields: hold_id, [amount = all that is left], [over_run = reject | cap | overdraft], [final],
-- [to_owner_id = revenue],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, HOLD_NOT_FOUND, HOLD_ENDED,
-- HOLD_EXCEEDED, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
CREATE OR REPLACE FUNCTION bursar.capture_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    ROW(q.n, q.asset, q.owner_id, -least(q.amount, q.hold_left),
        -CASE WHEN q.final THEN q.hold_left ELSE least(q.amount, q.hold_left) END, 'used'),
    ROW(q.n, q.asset, coalesce(q.to_owner_id, 'system:revenue'), q.amount, 0,
        CASE WHEN q.to_owner_id IS NULL THEN 'used' ELSE 'earned' END)
]::bursar.leg[] || CASE WHEN q.amount > q.hold_left THEN
    ARRAY[ROW(q.n, q.asset, q.owner_id, q.hold_left - q.amount, 0, 'over_run')]::bursar.leg[] END;

COMMENT ON FUNCTION bursar.capture_legs(bursar.instruction) IS
    'What a capture does to each wallet.';
REVOKE ALL ON FUNCTION bursar.capture_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.capture(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('capture', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.capture(jsonb) IS 'Takes what holds set aside; a batch.';
REVOKE ALL ON FUNCTION bursar.capture(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.capture(jsonb) TO service_role, bursar_service;
