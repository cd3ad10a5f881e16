-- P9: Each collected reward was paid for once, at its price, and each purchase has its reward.
--
-- A finding means that a reward was handed out without its purchase, or paid for and not handed
-- out: a collection or a transaction was written, changed or removed past the kernel. A refunded
-- purchase keeps its reward.
--
-- rows: SELECT count(*) FROM public.collected_rewards
-- needs: public.collected_rewards
--
-- Two collections of one purchase would have to agree with it in collector and reward, so they are
-- found as a reward that was collected twice.
WITH paid AS (
    SELECT CASE WHEN t.id IS NULL THEN 'a collected reward has no purchase'
            WHEN c.transaction_id IS NULL THEN 'a purchase has no collected reward'
            ELSE 'a collected reward is not what was purchased' END AS what,
        coalesce(t.id, c.transaction_id) AS transaction_id,
        coalesce(c.collector_id::text, t.owner_id) AS collector_id, c.reward_id,
        CASE WHEN t.id IS NULL THEN 'a purchase'
            ELSE format('%s by %s for %s', t.reason, t.owner_id, t.amount) END AS expected,
        CASE WHEN c.transaction_id IS NULL THEN 'nothing'
            ELSE format('reward %s by %s for %s', c.reward_id, c.collector_id, c.price) END AS found
    FROM public.collected_rewards AS c
    FULL JOIN (SELECT * FROM bursar.transaction WHERE verb = 'purchase_reward') AS t
        ON t.id = c.transaction_id
    WHERE (t.amount = c.price AND t.owner_id = c.collector_id::text AND t.asset = 'credit'
        AND t.reason = 'reward ' || c.reward_id) IS NOT TRUE
    UNION ALL
    SELECT 'a reward was collected twice', NULL, collector_id::text, reward_id, '1',
        count(*)::text
    FROM public.collected_rewards
    GROUP BY collector_id, reward_id
    HAVING count(*) > 1
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('transaction_id', transaction_id,
        'collector_id', collector_id, 'reward_id', reward_id)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM paid
ORDER BY transaction_id, collector_id, reward_id
LIMIT $1::bigint;
