-- A request that was carried out, as an outcome: what moved, and the wallet right after.
CREATE OR REPLACE FUNCTION bursar.done(
    p_transaction_id bigint, r bursar.request, w bursar.wallet_state, p_owed bigint
) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object(
    'status', 'done', 'verb', (r).verb, 'transaction_id', p_transaction_id,
    'owner_id', (r).owner_id, 'asset', (r).asset, 'amount', (r).amount,
    'balance', (w).balance, 'held', (w).held, 'available', (w).balance - (w).held,
    'replayed', false)
    || CASE WHEN p_owed > 0 THEN jsonb_build_object('owed', p_owed) ELSE '{}' END
    || coalesce((r).extra, '{}');

COMMENT ON FUNCTION bursar.done(bigint, bursar.request, bursar.wallet_state, bigint) IS
    'A request that was carried out, as an outcome.';
REVOKE ALL ON FUNCTION bursar.done(bigint, bursar.request, bursar.wallet_state, bigint)
    FROM PUBLIC, anon, authenticated;
