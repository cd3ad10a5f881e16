-- P3: No entry is empty or ever left a balance negative; system wallets have no balance at all.
--
-- A finding means that the entry was written past the kernel, and where one value by itself is
-- wrong, past the CHECK constraints of its domains.
--
-- rows: SELECT count(*) FROM bursar.entry
-- since: entries
SELECT CASE WHEN (balance_after < 0) IS TRUE THEN 'a balance was negative'
        WHEN (amount = 0) IS NOT FALSE THEN 'an entry moves nothing'
        ELSE 'an entry is not as the kernel writes it' END AS what,
    jsonb_build_object('transaction_id', transaction_id, 'line', line, 'asset', asset,
        'owner_id', owner_id) AS ids,
    CASE WHEN starts_with(owner_id, 'system:') THEN 'an amount, no seq, no balance_after'
        ELSE 'an amount, seq > 0, balance_after >= 0' END AS expected,
    format('amount %s, seq %s, balance_after %s', amount, coalesce(seq::text, 'none'),
        coalesce(balance_after::text, 'none')) AS found,
    count(*) OVER () AS findings
FROM bursar.entry
WHERE (amount <> 0 AND CASE WHEN starts_with(owner_id, 'system:')
    THEN seq IS NULL AND balance_after IS NULL
    ELSE seq > 0 AND balance_after >= 0 END) IS NOT TRUE
ORDER BY transaction_id, line
LIMIT $1::bigint;
