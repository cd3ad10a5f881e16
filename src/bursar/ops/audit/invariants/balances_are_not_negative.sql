-- P3: No balance is negative, and what is held is covered by it.
--
-- A finding means that more was taken from a wallet than it had, or that more is set aside than it
-- has: the CHECK constraints of its store were dropped or not validated. The first half is the
-- operators' own SELECT count(*) … WHERE balance < 0, in every store.
--
-- rows: SELECT count(*) FROM bursar.balance AS w
SELECT CASE WHEN (balance >= 0) IS NOT TRUE THEN 'a balance is negative'
        WHEN (held BETWEEN 0 AND balance) IS NOT TRUE THEN 'what is held is not covered'
        ELSE 'a wallet has a status that does not exist' END AS what,
    jsonb_build_object('asset', asset, 'owner_id', owner_id) AS ids,
    '0 <= held <= balance' AS expected,
    format('balance %s, held %s, status %s', balance, held, status) AS found,
    count(*) OVER () AS findings
FROM bursar.balance AS w
WHERE (balance >= 0 AND held BETWEEN 0 AND balance
    AND status IN ('open', 'frozen', 'closed')) IS NOT TRUE
ORDER BY asset, owner_id
LIMIT $1::bigint;
