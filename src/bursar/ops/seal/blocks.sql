-- One seal ($3) over the transactions from $1 to $2: whether its digest is that of what it says,
-- and its blocks, each with whether its rows are still what they were. A seal whose blocks were
-- taken away has one row without a block. bursar.sealed_rows and bursar.seal_digest() stand for
-- what seal/write_seal.sql seals.
WITH k AS MATERIALIZED (
    SELECT b.* FROM bursar.seal_block AS b WHERE b.seal = $3::bigint
),
now_there AS (
    SELECT h.place, count(*) AS row_count,
        sha256(string_agg(h.digest, ''::bytea ORDER BY h.transaction_id, h.line, h.digest))
            AS digest
    FROM (
        SELECT r.transaction_id, r.line, r.digest, width_bucket(r.transaction_id,
            ARRAY(SELECT k.from_id FROM k ORDER BY k.block)) AS place
        FROM bursar.sealed_rows AS r
    ) AS h
    GROUP BY h.place
)
SELECT (SELECT s.digest = bursar.seal_digest() FROM bursar.seal AS s
        WHERE s.number = $3::bigint) AS is_sound,
    b.block, b.from_id, b.to_id, b.row_count AS expected, coalesce(n.row_count, 0) AS found,
    n.digest IS NOT DISTINCT FROM b.digest AS is_same
FROM (SELECT 1) AS one
LEFT JOIN (SELECT k.*, row_number() OVER (ORDER BY k.block) AS place FROM k) AS b ON true
LEFT JOIN now_there AS n ON n.place = b.place
ORDER BY b.block;
