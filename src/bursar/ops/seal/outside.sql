-- What lies before the first seal, from $1 to $2: nothing was there when it was made.
-- bursar.sealed_rows stands for what seal/write_seal.sql seals.
SELECT r.transaction_id, r.line, r.said, count(*) OVER () AS findings
FROM bursar.sealed_rows AS r
ORDER BY r.transaction_id, r.line
LIMIT $3::bigint;
