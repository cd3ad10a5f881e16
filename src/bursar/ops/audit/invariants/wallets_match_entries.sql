-- P2: A wallet's balance is the sum of its entries; sequence and balance_after have no gaps.
--
-- A finding means that a balance was written past the kernel, or that entries of the wallet were
-- changed or removed. Expected is what the entries say, found is what the wallet says. Where the
-- entries themselves do not follow one another, `seq` is the first that does not.
--
-- rows: SELECT count(*) FROM bursar.balance AS w
--
-- One pass over the entries, without sorting them. Each entry is an arrow from (seq - 1,
-- balance_after - amount) to (seq, balance_after). A wallet with N entries is in order exactly if
-- its N arrows are one way from (0, 0) to (N, balance). Every arrow goes up one step, so N arrows
-- are that way as soon as each point but the two ends is met an even number of times: the way needs
-- all of them. The exclusive or of all points tells, each as a number of 64 bits that only this
-- run can know: points that do not pair pass once in 2^64 runs. A wallet that was deleted leaves
-- entries that end at 0. Those of an asset that is registered no more end where they sum to.
WITH secret AS MATERIALIZED (
    SELECT hashtextextended(gen_random_uuid()::text, 0) AS seed
),
said AS (
    SELECT asset, owner_id, count(*) AS entries, sum(amount) AS total,
        bit_xor(
            hashint8extended(balance_after, hashint8extended(balance_after >> 32,
                hashint8extended(seq, (SELECT seed FROM secret))))
            # hashint8extended(balance_after - amount, hashint8extended(
                (balance_after - amount) >> 32,
                hashint8extended(seq - 1, (SELECT seed FROM secret))))
        -- What is beyond these bounds is no sound entry, and subtracting it could overflow.
        ) FILTER (WHERE balance_after BETWEEN 0 AND 2000000000000000000
            AND amount BETWEEN -2000000000000000000 AND 2000000000000000000
            AND seq > 0) AS points
    FROM bursar.entry
    WHERE NOT starts_with(owner_id, 'system:')
    GROUP BY asset, owner_id
),
wrong AS (
    SELECT asset, owner_id, w.owner_id IS NOT NULL AS there, w.balance, w.seq,
        coalesce(s.entries, 0) AS entries, coalesce(s.total, 0) AS total,
        count(*) OVER () AS findings
    FROM said AS s
    FULL JOIN bursar.balance AS w USING (asset, owner_id)
    CROSS JOIN LATERAL (SELECT coalesce(w.seq, s.entries) AS seq, coalesce(w.balance, CASE
        WHEN EXISTS (SELECT FROM bursar.asset AS a WHERE a.asset = s.asset) THEN 0
        ELSE s.total END) AS balance) AS due
    CROSS JOIN LATERAL (SELECT
        greatest(-1, least(due.balance, 2000000000000000000))::bigint AS balance) AS bounded
    WHERE (coalesce(s.entries, 0), coalesce(s.total, 0)) <> (due.seq, due.balance)
        OR coalesce(s.points, 0) <> (
            hashint8extended(bounded.balance, hashint8extended(bounded.balance >> 32,
                hashint8extended(due.seq, (SELECT seed FROM secret))))
            # hashint8extended(0, hashint8extended(0,
                hashint8extended(0, (SELECT seed FROM secret)))))
    ORDER BY asset, owner_id
    LIMIT $1::bigint
)
SELECT CASE WHEN NOT w.there THEN 'entries that do not end at 0 have no wallet'
        WHEN w.total <> w.balance THEN 'a balance is not the sum of its entries'
        WHEN w.entries <> w.seq THEN 'a sequence is not the number of entries'
        ELSE 'the entries of a wallet do not follow one another' END AS what,
    jsonb_strip_nulls(jsonb_build_object('asset', w.asset, 'owner_id', w.owner_id,
        'seq', gap.seq, 'transaction_id', gap.transaction_id)) AS ids,
    CASE WHEN gap.seq IS NULL THEN format('balance %s, seq %s', w.total, w.entries)
        ELSE format('seq %s, balance_after %s', gap.place, gap.before + gap.amount)
        END AS expected,
    CASE WHEN gap.seq IS NOT NULL
        THEN format('seq %s, balance_after %s', gap.seq, gap.balance_after)
        WHEN w.there THEN format('balance %s, seq %s', w.balance, w.seq)
        ELSE 'no wallet' END AS found,
    w.findings
FROM wrong AS w
LEFT JOIN LATERAL (
    SELECT o.*
    FROM (
        SELECT e.transaction_id, e.seq, e.amount, e.balance_after, row_number() OVER own AS place,
            lag(e.balance_after::numeric, 1, 0) OVER own AS before
        FROM bursar.entry AS e
        WHERE e.asset = w.asset AND e.owner_id = w.owner_id AND e.seq IS NOT NULL
        WINDOW own AS (ORDER BY e.seq, e.transaction_id, e.line)
    ) AS o
    WHERE (o.seq = o.place AND o.balance_after = o.before + o.amount) IS NOT TRUE
    ORDER BY o.place
    LIMIT 1
) AS gap ON true
ORDER BY w.asset, w.owner_id;
