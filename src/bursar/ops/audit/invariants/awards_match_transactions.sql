-- P4: Each award and each boost of the community is one transaction, under a key of its own.
--
-- A finding means that somebody was awarded twice, or for what never happened, or that a credit
-- moved without its row in credit_txns: one of them was written, changed or removed past the
-- functions. An award names in its key what it is for; a reaction outlives its post.
--
-- rows: SELECT count(*) FROM public.credit_txns
-- needs: public.credit_txns
WITH moved AS (
    SELECT id, owner_id, reason, amount, metadata ->> 'key' AS key
    FROM bursar.transaction
    WHERE verb = 'grant' AND actor = 'community'
        AND reason IN ('reaction_received', 'score_milestone')
    UNION ALL
    SELECT id, owner_id, reason, -amount, 'boost:' || id
    FROM bursar.transaction
    WHERE verb = 'spend' AND reason = 'boost' AND metadata ->> 'post' IS NOT NULL
),
noted AS (
    SELECT *, count(*) OVER (PARTITION BY transaction_id) AS rows_of_it,
        count(*) OVER (PARTITION BY user_id, idempotency_key) AS rows_of_key
    FROM public.credit_txns
),
judged AS (
    SELECT coalesce(n.transaction_id, m.id) AS transaction_id,
        coalesce(n.user_id::text, m.owner_id) AS user_id, n.id AS credit_txn_id,
        CASE WHEN n.id IS NULL THEN 'an award or a boost is not noted'
            WHEN m.id IS NULL THEN 'what is noted has no transaction'
            WHEN n.rows_of_it > 1 THEN 'one transaction is noted several times'
            WHEN n.rows_of_key > 1 THEN 'something was awarded several times'
            WHEN (n.user_id::text, n.amount, n.reason, n.idempotency_key)
                IS DISTINCT FROM (m.owner_id, m.amount, m.reason, m.key)
                THEN 'what is noted is not what its transaction says'
            WHEN n.reason = 'reaction_received' AND r.id IS NULL
                THEN 'a reaction was awarded that is not there' END AS what,
        format('%s to %s for %s, once', n.amount, n.user_id, n.idempotency_key) AS expected,
        format('%s to %s for %s, %s', coalesce(m.amount, 0), m.owner_id, m.key, CASE
            WHEN greatest(n.rows_of_it, n.rows_of_key) > 1
                THEN greatest(n.rows_of_it, n.rows_of_key) || ' times'
            WHEN n.reason = 'reaction_received' AND r.id IS NULL THEN 'of no reaction'
            ELSE 'once' END) AS found
    FROM noted AS n
    FULL JOIN moved AS m ON m.id = n.transaction_id
    LEFT JOIN public.post_reactions AS r ON n.idempotency_key = 'reaction:' || r.id
)
SELECT what, jsonb_strip_nulls(jsonb_build_object('transaction_id', transaction_id,
        'user_id', user_id, 'credit_txn_id', credit_txn_id)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY transaction_id, credit_txn_id
LIMIT $1::bigint;
