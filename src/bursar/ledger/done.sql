-- A request that was carried out, as an outcome: what moved, and the wallet right after.
CREATE OR REPLACE FUNCTION bursar.done(
    p_transaction_id bigint, r bursar.request, p_balance bigint, p_held bigint, p_owed bigint
) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object(
    'status', 'done', 'verb', (r).verb, 'transaction_id', p_transaction_id,
    'owner_id', (r).owner_id, 'asset', (r).asset, 'amount', (r).amount,
    'balance', p_balance, 'held', p_held, 'available', p_balance - p_held,
    'replayed', false)
    || CASE WHEN p_owed > 0 THEN jsonb_build_object('owed', p_owed) ELSE '{}' END
    || coalesce((r).extra, '{}');

COMMENT ON FUNCTION bursar.done(bigint, bursar.request, bigint, bigint, bigint) IS
    'A request that was carried out, as an outcome.';
REVOKE ALL ON FUNCTION bursar.done(bigint, bursar.request, bigint, bigint, bigint)
    FROM PUBLIC, anon, authenticated;
