-- P2: A workspace's totals make up its balance, and are what its entries come to.
--
-- A finding means that totals were written while their trigger or their CHECK constraint was off.
-- Expected is what the entries come to, by the rule in marketplace/workspace_totals.sql. Where
-- plain SQL has said what the totals are, the audit log has it, and only the sum is looked at.
--
-- rows: SELECT count(*) FROM public.workspace_credits
-- needs: public.workspace_credits
--
-- Few transactions correct another one; theirs are looked up, and all entries are read once.
WITH corrected AS (
    SELECT DISTINCT ON (t.id, f.owner_id) t.id, f.owner_id, f.bucket, f.amount
    FROM bursar.transaction AS t
    JOIN bursar.entry AS f ON f.transaction_id = t.corrects
    WHERE t.corrects IS NOT NULL AND t.asset = 'workspace_credit'
        AND f.asset = 'workspace_credit' AND f.bucket <> 'debt' AND f.seq IS NOT NULL
    ORDER BY t.id, f.owner_id, f.line
),
counted AS (
    SELECT owner_id, coalesce(sum(amount) FILTER (WHERE kind = 'purchased'), 0) AS purchased,
        coalesce(sum(amount) FILTER (WHERE kind = 'earned'), 0) AS earned,
        coalesce(-sum(amount) FILTER (WHERE kind = 'used'), 0) AS used
    FROM (
        SELECT e.owner_id, e.amount, CASE
            WHEN coalesce(c.bucket, e.bucket) = 'purchased' THEN 'purchased'
            WHEN coalesce(c.amount, e.amount) > 0 THEN 'earned'
            ELSE 'used' END AS kind
        FROM bursar.entry AS e
        LEFT JOIN corrected AS c
            ON c.id = e.transaction_id AND c.owner_id = e.owner_id AND e.bucket <> 'debt'
        WHERE e.asset = 'workspace_credit' AND e.seq IS NOT NULL
    ) AS x
    GROUP BY owner_id
)
SELECT CASE WHEN w.balance = w.total_purchased + w.total_earned - w.total_used
        THEN 'the totals of a workspace are not those of its entries'
        ELSE 'the totals of a workspace do not make up its balance' END AS what,
    jsonb_build_object('workspace_id', w.workspace_id) AS ids,
    format('purchased %s, earned %s, used %s', coalesce(c.purchased, 0), coalesce(c.earned, 0),
        coalesce(c.used, 0)) AS expected,
    format('purchased %s, earned %s, used %s, balance %s', w.total_purchased, w.total_earned,
        w.total_used, w.balance) AS found,
    count(*) OVER () AS findings
FROM public.workspace_credits AS w
LEFT JOIN counted AS c ON c.owner_id = w.workspace_id::text
LEFT JOIN (
    SELECT DISTINCT workspace_id FROM public.audit_logs WHERE action = 'workspace_totals_set'
) AS said ON said.workspace_id = w.workspace_id
WHERE (w.balance::numeric = w.total_purchased::numeric + w.total_earned - w.total_used
    AND (said.workspace_id IS NOT NULL OR (w.total_purchased, w.total_earned, w.total_used)
        = (coalesce(c.purchased, 0), coalesce(c.earned, 0), coalesce(c.used, 0)))) IS NOT TRUE
ORDER BY w.workspace_id
LIMIT $1::bigint;
