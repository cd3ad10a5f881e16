-- P1: The entries of every transaction sum to 0 in each asset.
--
-- A finding means that value was made or destroyed inside that transaction: an entry was changed,
-- added or removed past the kernel.
--
-- rows: SELECT count(*) FROM bursar.entry
-- slices: transaction ids
--
-- Nearly every transaction moves one asset. One pass in the order of the primary key finds those
-- that do not sum to 0 at once, and those of several assets; only these are looked at again.
SELECT 'the entries of a transaction do not sum to 0' AS what,
    jsonb_build_object('transaction_id', e.transaction_id, 'asset', e.asset) AS ids,
    '0' AS expected,
    sum(e.amount)::text AS found,
    count(*) OVER () AS findings
FROM (
    SELECT transaction_id
    FROM bursar.entry
    WHERE transaction_id BETWEEN $2::bigint AND $3::bigint
    GROUP BY transaction_id
    HAVING sum(amount) <> 0 OR min(asset COLLATE "C") <> max(asset COLLATE "C")
) AS suspect
JOIN bursar.entry AS e ON e.transaction_id = suspect.transaction_id
GROUP BY e.transaction_id, e.asset
HAVING sum(e.amount) <> 0
ORDER BY e.transaction_id, e.asset
LIMIT $1::bigint;
