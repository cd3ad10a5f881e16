-- requires: ledger/carry.sql
-- refund: takes a charge back, or a part of it; of a grant, what was granted. Several refunds
-- together never exceed the charge: they meet at the lock on the parent transaction. Whoever was
-- paid gives back in the order in which they were paid; what they no longer have becomes their
-- debt.
--
-- Fields: transaction_id, [amount = all that is left],
-- and those that every verb takes: [reason], [metadata], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH, TRANSACTION_NOT_FOUND,
-- NOT_REFUNDABLE, REFUND_EXCEEDED, BUSY, WALLET_CLOSED, BALANCE_LIMIT.
--
-- Payees are a line of amounts laid end to end. Refunds eat along it: this one covers the stretch
-- from `refunded` to `refunded + amount`, so parts always add up and no payee gives back twice.
CREATE OR REPLACE FUNCTION bursar.refund_legs(q bursar.instruction) RETURNS bursar.leg[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT CASE WHEN q.parent_verb = 'grant' THEN ARRAY[
            ROW(q.n, q.asset, q.owner_id, -q.amount, 0, 'refund'),
            ROW(q.n, q.asset, (SELECT e.owner_id FROM bursar.entry AS e
                WHERE e.transaction_id = q.transaction_id AND e.line = 1), q.amount, 0, 'refund')
        ]::bursar.leg[]
        ELSE ARRAY[ROW(q.n, q.asset, q.owner_id, q.amount, 0, 'refund')]::bursar.leg[] || (
            SELECT array_agg(ROW(q.n, q.asset, s.owner_id,
                -(least(s.upto, q.refunded + q.amount) - greatest(s.upto - s.amount, q.refunded)),
                0, 'refund')::bursar.leg ORDER BY s.line)
            FROM (
                SELECT e.line, e.owner_id, e.amount,
                    sum(e.amount) OVER (ORDER BY e.line)::bigint AS upto
                FROM bursar.entry AS e
                WHERE e.transaction_id = q.transaction_id AND e.asset = q.asset AND e.amount > 0
                    AND e.bucket <> 'debt'
            ) AS s
            WHERE s.upto > q.refunded AND s.upto - s.amount < q.refunded + q.amount)
        END
$$;

COMMENT ON FUNCTION bursar.refund_legs(bursar.instruction) IS 'What a refund does to each wallet.';
REVOKE ALL ON FUNCTION bursar.refund_legs(bursar.instruction) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.refund(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('refund', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.refund(jsonb) IS 'Takes charges or grants back; a batch.';
REVOKE ALL ON FUNCTION bursar.refund(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.refund(jsonb) TO service_role, bursar_service;
