-- P4: No two keys remember one transaction as theirs.
--
-- A finding means that an outcome was written past the kernel: each key that is done has an effect
-- of its own.
--
-- rows: SELECT count(*) FROM bursar.idempotency
-- since: keys
--
-- The numbers alone are sorted, and neighbours compared. What is no number is a finding of
-- keys_name_their_transaction.
SELECT 'several keys remember one transaction' AS what,
    jsonb_build_object('transaction_id', transaction_id) AS ids,
    '1 key' AS expected,
    count(*) + 1 || ' keys' AS found,
    count(*) OVER () AS findings
FROM (
    SELECT transaction_id, lag(transaction_id) OVER (ORDER BY transaction_id) AS before
    FROM (
        SELECT CASE WHEN length(named) BETWEEN 1 AND 18
            AND translate(named, '0123456789', '') = '' THEN named::bigint END AS transaction_id
        FROM (SELECT outcome ->> 'transaction_id' AS named FROM bursar.idempotency OFFSET 0) AS r
        OFFSET 0
    ) AS n
    WHERE transaction_id IS NOT NULL
) AS sorted
WHERE transaction_id = before
GROUP BY transaction_id
ORDER BY transaction_id
LIMIT $1::bigint;
