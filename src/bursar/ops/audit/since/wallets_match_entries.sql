-- P2: A wallet's balance is the sum of its entries; sequence and balance_after have no gaps.
--
-- A finding means that a balance was written past the kernel, or that entries of the wallet were
-- changed or removed. Expected is what the entries say, found is what the wallet says.
--
-- rows: SELECT count(*) FROM bursar.balance AS w
--
-- Since the checkpoint ($2). What was there then followed one another without a gap, so three
-- things are enough. Each new entry follows the one before it in its wallet, and the one after it,
-- if that is old, follows it: ids are not drawn in the order of a wallet's sequence. Each wallet is
-- where its last entry says, found by the index. And the wallets of an asset hold what the seals
-- and the new entries come to, so that none was taken away.
WITH fresh AS (
    SELECT e.asset, e.owner_id, e.seq, e.amount, e.balance_after, e.transaction_id,
        lag(e.seq) OVER own AS seq_before, lag(e.balance_after) OVER own AS before,
        lead(e.seq) OVER own AS seq_after
    FROM bursar.entry AS e
    WHERE e.transaction_id > $2::bigint AND NOT starts_with(e.owner_id, 'system:')
    WINDOW own AS (PARTITION BY e.asset, e.owner_id ORDER BY e.seq, e.transaction_id, e.line)
),
link AS (
    SELECT f.asset, f.owner_id, f.seq, f.transaction_id, f.amount, f.balance_after,
        CASE WHEN f.seq_before = f.seq - 1 THEN f.before::numeric
            WHEN f.seq = 1 THEN 0
            ELSE (SELECT o.balance_after FROM bursar.entry AS o WHERE o.owner_id = f.owner_id
                AND o.asset = f.asset AND o.seq = f.seq - 1 AND o.seq IS NOT NULL) END AS before
    FROM fresh AS f
    UNION ALL
    SELECT f.asset, f.owner_id, o.seq, o.transaction_id, o.amount, o.balance_after, f.balance_after
    FROM fresh AS f
    CROSS JOIN LATERAL (SELECT e.* FROM bursar.entry AS e WHERE e.owner_id = f.owner_id
        AND e.asset = f.asset AND e.seq = f.seq + 1 AND e.seq IS NOT NULL
        AND e.transaction_id <= $2::bigint) AS o
    WHERE f.seq_after IS DISTINCT FROM f.seq + 1
),
total AS (
    SELECT asset, sum(amount) AS amount
    FROM (
        SELECT e.asset, sum(e.amount) AS amount FROM bursar.entry AS e
        WHERE e.transaction_id > $2::bigint AND NOT starts_with(e.owner_id, 'system:')
        GROUP BY e.asset
        UNION ALL
        SELECT x.key, sum(x.value::numeric) FROM bursar.seal AS s
        CROSS JOIN LATERAL jsonb_each_text(s.sums) AS x WHERE s.to_id <= $2::bigint GROUP BY x.key
    ) AS parts
    GROUP BY asset
),
wrong AS (
    SELECT 'the entries of a wallet do not follow one another' AS what, l.asset, l.owner_id, l.seq,
        l.transaction_id, CASE WHEN l.before IS NULL THEN format('an entry with seq %s', l.seq - 1)
            ELSE format('seq %s, balance_after %s', l.seq, l.before + l.amount) END AS expected,
        format('seq %s, balance_after %s', l.seq, l.balance_after) AS found
    FROM link AS l
    WHERE (l.balance_after = l.before + l.amount) IS NOT TRUE
    UNION ALL
    SELECT CASE WHEN w.balance <> coalesce(e.balance_after, 0)
            THEN 'a balance is not the sum of its entries'
            ELSE 'a sequence is not the number of entries' END,
        w.asset, w.owner_id, NULL, NULL,
        format('balance %s, seq %s', coalesce(e.balance_after, 0), coalesce(e.seq, 0)),
        format('balance %s, seq %s', w.balance, w.seq)
    FROM bursar.balance AS w
    LEFT JOIN LATERAL (SELECT o.seq, o.balance_after FROM bursar.entry AS o
        WHERE o.owner_id = w.owner_id AND o.asset = w.asset AND o.seq IS NOT NULL
        ORDER BY o.seq DESC LIMIT 1) AS e ON true
    WHERE (w.balance, w.seq) IS DISTINCT FROM (coalesce(e.balance_after, 0), coalesce(e.seq, 0))
    UNION ALL
    SELECT 'the wallets of an asset do not hold what its entries come to', a.asset, NULL, NULL,
        NULL, coalesce(t.amount, 0)::text, coalesce(w.balance, 0)::text
    FROM bursar.asset AS a
    LEFT JOIN total AS t USING (asset)
    LEFT JOIN (SELECT b.asset, sum(b.balance) AS balance FROM bursar.balance AS b
        GROUP BY b.asset) AS w USING (asset)
    WHERE coalesce(w.balance, 0) <> coalesce(t.amount, 0)
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('asset', asset, 'owner_id', owner_id, 'seq', seq,
        'transaction_id', transaction_id)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM wrong
ORDER BY asset, owner_id NULLS FIRST, seq
LIMIT $1::bigint;
