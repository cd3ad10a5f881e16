-- requires: ledger/policies.sql
-- requires: ledger/canonical_owner.sql
-- Every entry of every wallet that has a row, with the transaction behind it. A page of it is
-- keyed by (owner_id, asset, seq).
CREATE OR REPLACE VIEW bursar.statement WITH (security_invoker = true) AS
SELECT e.owner_id, e.asset, e.seq, e.amount, e.balance_after, e.bucket, e.transaction_id,
    t.verb, t.reason, t.corrects, t.created_at
FROM bursar.entry AS e
JOIN bursar.transaction AS t ON t.id = e.transaction_id
WHERE e.seq IS NOT NULL;

COMMENT ON VIEW bursar.statement IS 'Every entry of every wallet, with its transaction.';
REVOKE ALL ON bursar.statement
    FROM PUBLIC, anon, authenticated, service_role, bursar_service, bursar_operator;
GRANT SELECT ON bursar.statement TO authenticated, service_role, bursar_service, bursar_operator;

-- One page of a wallet's statement, newest first; the next page begins before the last seq.
CREATE OR REPLACE FUNCTION bursar.read_statement(
    p_owner_id text, p_asset text, p_before_seq bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'seq', s.seq, 'transaction_id', s.transaction_id, 'verb', t.verb, 'reason', t.reason,
        'amount', s.amount, 'balance_after', s.balance_after, 'bucket', s.bucket,
        'counterparties', (SELECT coalesce(jsonb_agg(DISTINCT o.owner_id), '[]')
            FROM bursar.entry AS o WHERE o.transaction_id = s.transaction_id
            AND o.owner_id <> s.owner_id),
        'corrects', t.corrects, 'actor', t.actor, 'metadata', t.metadata,
        'created_at', t.created_at) ORDER BY s.seq DESC), '[]')
    FROM (
        SELECT * FROM bursar.entry
        WHERE asset = p_asset AND owner_id = bursar.canonical_owner(p_owner_id, p_asset)
            AND seq < coalesce(p_before_seq, 9223372036854775807)
        ORDER BY seq DESC
        LIMIT least(greatest(p_limit, 1), 1000)
    ) AS s
    JOIN bursar.transaction AS t ON t.id = s.transaction_id
$$;

COMMENT ON FUNCTION bursar.read_statement(text, text, bigint, integer) IS
    'One page of a wallet''s statement, newest first.';
REVOKE ALL ON FUNCTION bursar.read_statement(text, text, bigint, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_statement(text, text, bigint, integer)
    TO service_role, bursar_service, bursar_operator;
