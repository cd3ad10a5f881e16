-- P1: All entries of an asset sum to 0.
--
-- A finding means that value was made or destroyed somewhere in that asset; entries_sum_to_zero
-- names the transactions. It reads the table from end to end and trusts no index, so that an entry
-- that an index has lost is counted here all the same.
--
-- rows: SELECT count(*) FROM bursar.entry
-- since: entries
SELECT 'the entries of an asset do not sum to 0' AS what,
    jsonb_build_object('asset', asset) AS ids,
    '0' AS expected,
    sum(amount)::text AS found,
    count(*) OVER () AS findings
FROM bursar.entry
GROUP BY asset
HAVING sum(amount) <> 0
ORDER BY asset
LIMIT $1::bigint;
