-- P6: Every entry has its transaction, and every transaction has the entries it speaks of.
--
-- A finding means that entries or transactions were removed, added or changed past the kernel.
-- Holds, releases, lapses and freezes post nothing, nor do submitted jobs: their price is held.
-- Every other verb moves its amount in the wallet of its owner: what is debited beyond the balance
-- is owed, and what is credited may repay a debt, so the amount is what the wallet gained less what
-- the debt grew. Where a card paid for something that was all fee, the owner's wallet has no part,
-- and the amount is what came from outside.
--
-- rows: SELECT count(*) FROM bursar.transaction
-- slices: transaction ids
SELECT CASE WHEN verb IS NULL THEN 'entries have no transaction'
        WHEN posts AND entries = 0 THEN 'a transaction has no entries'
        WHEN NOT posts THEN 'a transaction that posts nothing has entries'
        WHEN strangers > 0 THEN 'a transaction has entries of another asset'
        ELSE 'a transaction says another amount than its entries' END AS what,
    jsonb_strip_nulls(jsonb_build_object(
        'transaction_id', id, 'verb', verb, 'owner_id', owner_id, 'asset', asset)) AS ids,
    CASE WHEN verb IS NULL THEN 'a transaction'
        WHEN NOT posts THEN 'no entries'
        ELSE format('the amount %s in the wallet of its owner', amount) END AS expected,
    CASE WHEN verb IS NULL OR strangers > 0 THEN format('%s entries, %s of another asset',
            entries, strangers)
        ELSE format('%s entries, %s in the wallet of its owner', entries, moved) END AS found,
    count(*) OVER () AS findings
FROM (
    SELECT coalesce(t.id, e.transaction_id) AS id, t.verb, t.owner_id, t.asset, t.amount,
        t.verb NOT IN ('hold', 'release', 'expire', 'freeze', 'submit_generation') AS posts,
        count(e.transaction_id) AS entries,
        count(e.transaction_id) FILTER (WHERE e.asset NOT IN (t.asset, t.asset || ':owed'))
            AS strangers,
        coalesce(sum(e.amount) FILTER (WHERE e.owner_id = t.owner_id AND e.asset = t.asset), 0)
            - coalesce(sum(e.amount) FILTER (
                WHERE e.owner_id = t.owner_id AND e.asset <> t.asset), 0) AS moved
    FROM (SELECT * FROM bursar.transaction WHERE id BETWEEN $2::bigint AND $3::bigint) AS t
    FULL JOIN (SELECT * FROM bursar.entry
        WHERE transaction_id BETWEEN $2::bigint AND $3::bigint) AS e ON e.transaction_id = t.id
    GROUP BY 1, 2, 3, 4, 5
) AS x
WHERE (CASE
    WHEN NOT posts THEN entries = 0
    WHEN entries = 0 OR strangers > 0 THEN false
    WHEN verb IN ('grant', 'adjust') THEN moved = amount
    WHEN verb IN ('spend', 'transfer', 'capture') THEN moved = -amount::numeric
    -- The few that are all fee are looked at again.
    ELSE abs(moved) = abs(amount::numeric) OR moved = 0 AND entries = 2 AND EXISTS (
        SELECT FROM bursar.entry AS f JOIN bursar.entry AS o USING (transaction_id)
        WHERE f.transaction_id = x.id AND f.owner_id = 'system:fees'
            AND o.owner_id = 'system:external' AND abs(o.amount) = abs(x.amount)) END) IS NOT TRUE
ORDER BY id
LIMIT $1::bigint;
