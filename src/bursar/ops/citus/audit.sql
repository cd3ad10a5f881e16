-- The promises, asked of live data. Each shard answers for the homes it holds, from one snapshot of
-- its own, so the answer is right while others write. Only the last question spans homes: what is
-- in transit adds up to 0 when nobody writes, and may not while somebody does.
CREATE OR REPLACE FUNCTION bursar_citus.audit()
RETURNS TABLE (promise text, home text, what text)
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT 'P1: entries of a transaction add up to 0 in each home', e.home,
        e.transaction_id::text FROM bursar_citus.entry AS e
        GROUP BY e.home, e.transaction_id, e.asset HAVING sum(e.amount) <> 0;
    RETURN QUERY SELECT 'P2: a balance is the sum of its entries, numbered without a gap', w.home,
        w.asset FROM bursar_citus.wallet AS w
        LEFT JOIN (SELECT e.home, e.asset, sum(e.amount) AS balance, count(*) AS entries,
                max(e.seq) AS seq
            FROM bursar_citus.entry AS e WHERE e.seq IS NOT NULL GROUP BY e.home, e.asset) AS s
        ON s.home = w.home AND s.asset = w.asset
        WHERE w.balance <> coalesce(s.balance, 0) OR w.seq <> coalesce(s.seq, 0)
            OR w.seq <> coalesce(s.entries, 0);
    RETURN QUERY SELECT 'P2: balance_after goes on from the entry before', b.home, b.asset
        FROM (SELECT e.home, e.asset, e.balance_after - e.amount
                - lag(e.balance_after, 1, 0::bigint)
                    OVER (PARTITION BY e.home, e.asset ORDER BY e.seq) AS gap
            FROM bursar_citus.entry AS e WHERE e.seq IS NOT NULL) AS b WHERE b.gap <> 0;
    RETURN QUERY SELECT 'P1, when nobody writes: nothing is left in transit', NULL::text,
        sum(e.amount)::text FROM bursar_citus.entry AS e WHERE e.owner_id = 'system:transit'
        HAVING sum(e.amount) <> 0;
END
$$;

COMMENT ON FUNCTION bursar_citus.audit() IS
    'The promises, asked of live data; no row is good news.';
REVOKE ALL ON FUNCTION bursar_citus.audit() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.audit() TO service_role, bursar_operator;
