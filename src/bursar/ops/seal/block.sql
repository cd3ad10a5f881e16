-- The rows from $1 to $2 as they are now, and the marks of the block ($4) of the seal ($3) that
-- they were in, with the seal's last id. bursar.sealed_rows stands for what seal/write_seal.sql
-- seals.
SELECT r.transaction_id, r.line, substr(r.digest, 1, 6) AS mark, r.said, NULL::bytea AS marks,
    NULL::bigint AS last_id
FROM bursar.sealed_rows AS r
UNION ALL
SELECT NULL, NULL, NULL, NULL, b.marks, s.to_id
FROM bursar.seal_block AS b
JOIN bursar.seal AS s ON s.number = b.seal
WHERE b.seal = $3::bigint AND b.block = $4::bigint
ORDER BY 1, 2;
