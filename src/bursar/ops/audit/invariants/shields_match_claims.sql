-- P2: A user's shields are what their claims, uses and refunds come to.
--
-- A finding means that plain SQL has changed shields without recording a claim, or the other way
-- round, or that a claim or an entry was changed past the functions; where the other invariants
-- hold, it was plain SQL. It is what operators ask check_wallet_integrity(), reckoned here again.
-- `bursar claims recalculate` brings the wallet to what is expected; used shields stay used.
--
-- rows: SELECT count(*) FROM public.user_wallet_balances
-- needs: public.user_wallet_balances
WITH counted AS (
    SELECT c.user_id, c.amount::numeric AS amount
    FROM public.purchase_claims AS c
    JOIN public.skus AS s ON s.sku = c.sku AND s.asset = 'streak_shield'
    WHERE c.status <> 'refunded'
    UNION ALL
    -- Claims are counted above; plain SQL's changes are what claims have to account for.
    SELECT e.owner_id, e.amount
    FROM bursar.entry AS e
    JOIN bursar.transaction AS t ON t.id = e.transaction_id
    WHERE e.asset = 'streak_shield' AND e.seq IS NOT NULL
        AND (e.bucket = 'debt' OR t.verb NOT IN (
                'claim_purchase', 'refund_claim', 'regrant_claim', 'correct_shields')
            AND NOT (t.verb = 'adjust' AND starts_with(t.actor, 'sql:')))
    UNION ALL
    -- What a refund could not take is owed.
    SELECT e.owner_id, e.amount
    FROM bursar.entry AS e
    JOIN bursar.transaction AS t ON t.id = e.transaction_id AND t.verb = 'refund_claim'
    WHERE e.asset = 'streak_shield:owed' AND e.seq IS NOT NULL AND e.amount > 0
)
SELECT 'shields are not what claims come to' AS what,
    jsonb_build_object('user_id', coalesce(w.user_id, x.user_id)) AS ids,
    coalesce(x.amount, 0)::text AS expected,
    coalesce(w.streakshield_count::text, 'no wallet') AS found,
    count(*) OVER () AS findings
FROM public.user_wallet_balances AS w
FULL JOIN (SELECT user_id, sum(amount) AS amount FROM counted GROUP BY user_id) AS x
    ON x.user_id = w.user_id
WHERE coalesce(w.streakshield_count, 0) <> coalesce(x.amount, 0)
ORDER BY coalesce(w.user_id, x.user_id)
LIMIT $1::bigint;
