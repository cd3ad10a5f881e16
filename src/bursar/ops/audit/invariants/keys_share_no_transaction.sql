-- P4: No two keys remember one transaction as theirs.
--
-- A finding means that an outcome was written past the kernel: each key that is done has an effect
-- of its own.
--
-- rows: SELECT count(*) FROM bursar.idempotency
SELECT 'several keys remember one transaction' AS what,
    jsonb_build_object('transaction_id', (outcome ->> 'transaction_id') COLLATE "C") AS ids,
    '1 key' AS expected,
    count(*) || ' keys' AS found,
    count(*) OVER () AS findings
FROM bursar.idempotency
WHERE outcome ? 'transaction_id'
GROUP BY (outcome ->> 'transaction_id') COLLATE "C"
HAVING count(*) > 1
ORDER BY (outcome ->> 'transaction_id') COLLATE "C"
LIMIT $1::bigint;
