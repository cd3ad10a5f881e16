-- requires: ledger/refund.sql
-- What the verb `refund` would do to a transaction now: whether it can be taken back, how much of
-- it was already, what is left, and what a refund of `p_amount` (by default all that is left) does
-- to each wallet. NULL where there is no such transaction. Nothing is locked.
CREATE OR REPLACE FUNCTION bursar.plan_refund(
    p_transaction_id bigint, p_amount bigint DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    t bursar.transaction;
    q bursar.instruction;
    v_left bigint;
    v_can boolean;
BEGIN
    SELECT * INTO t FROM bursar.transaction WHERE id = p_transaction_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    q.refunded := (SELECT coalesce(sum(amount), 0) FROM bursar.transaction
        WHERE corrects = p_transaction_id AND verb = 'refund');
    v_left := t.amount - q.refunded;
    v_can := bursar.is_refundable(p_transaction_id);
    q.n := 1;
    q.verb := 'refund';
    q.transaction_id := p_transaction_id;
    q.owner_id := t.owner_id;
    q.asset := t.asset;
    q.amount := coalesce(p_amount, v_left);
    q.parent_verb := t.verb;
    q.parent_amount := t.amount;
    RETURN jsonb_build_object('transaction_id', t.id, 'verb', t.verb, 'asset', t.asset,
        'owner_id', t.owner_id, 'charged', t.amount, 'refunded', q.refunded,
        'left', v_left, 'refundable', v_can AND v_left > 0, 'amount', q.amount,
        'legs', CASE WHEN v_can AND q.amount BETWEEN 1 AND v_left THEN (
            SELECT jsonb_agg(jsonb_build_object('owner_id', l.owner_id, 'amount', l.amount)
                ORDER BY l.amount DESC)
            FROM unnest(bursar.refund_legs(q)) AS l) ELSE '[]' END);
END
$$;

COMMENT ON FUNCTION bursar.plan_refund(bigint, bigint) IS
    'What a refund of a transaction would do now.';
REVOKE ALL ON FUNCTION bursar.plan_refund(bigint, bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.plan_refund(bigint, bigint)
    TO service_role, bursar_service, bursar_operator;
