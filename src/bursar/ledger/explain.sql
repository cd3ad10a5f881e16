-- requires: ledger/read_wallet.sql
-- requires: ledger/statement.sql
-- Why a balance is what it is: the wallet, what its entries add up to by verb and by bucket, its
-- open holds, its debt, the latest entries, and whether all of it agrees.
CREATE OR REPLACE FUNCTION bursar.explain(
    p_owner_id text, p_asset text, p_limit integer DEFAULT 20
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH wallet AS (SELECT bursar.read_wallet(p_owner_id, p_asset) AS state),
    own AS (
        SELECT e.*, t.verb, lag(e.balance_after, 1, 0::bigint) OVER (ORDER BY e.seq) AS before,
            lag(e.seq, 1, 0::bigint) OVER (ORDER BY e.seq) AS seq_before
        FROM bursar.entry AS e JOIN bursar.transaction AS t ON t.id = e.transaction_id
        WHERE e.owner_id = (SELECT state ->> 'owner_id' FROM wallet) AND e.asset = p_asset
            AND e.seq IS NOT NULL
    ),
    total AS (
        SELECT count(*) AS entries, coalesce(sum(amount), 0) AS amount,
            coalesce(bool_and(balance_after = before + amount AND seq = seq_before + 1), true)
                AS unbroken
        FROM own
    ),
    holds AS (
        SELECT coalesce(sum(amount - captured - released), 0) AS amount,
            coalesce(jsonb_agg(bursar.read_hold(id) ORDER BY id), '[]') AS list
        FROM bursar.hold
        WHERE owner_id = (SELECT state ->> 'owner_id' FROM wallet) AND asset = p_asset
            AND status = 'open'
    )
    SELECT wallet.state || jsonb_build_object(
        'entries', total.entries,
        'sum_of_entries', total.amount,
        'sum_of_holds', holds.amount,
        'agrees', total.unbroken AND total.amount = (wallet.state ->> 'balance')::bigint
            AND holds.amount = (wallet.state ->> 'held')::bigint
            AND total.entries = (wallet.state ->> 'seq')::bigint,
        'by_verb', (SELECT coalesce(jsonb_object_agg(s.verb, s.amount), '{}')
            FROM (SELECT verb, sum(amount) AS amount FROM own GROUP BY verb) AS s),
        'by_bucket', (SELECT coalesce(jsonb_object_agg(s.bucket, s.amount), '{}')
            FROM (SELECT bucket, sum(amount) AS amount FROM own GROUP BY bucket) AS s),
        'open_holds', holds.list,
        'latest', bursar.read_statement(wallet.state ->> 'owner_id', p_asset, NULL, p_limit))
    FROM wallet, total, holds
    WHERE wallet.state IS NOT NULL
$$;

COMMENT ON FUNCTION bursar.explain(text, text, integer) IS 'Why a balance is what it is.';
REVOKE ALL ON FUNCTION bursar.explain(text, text, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.explain(text, text, integer)
    TO service_role, bursar_service, bursar_operator;
