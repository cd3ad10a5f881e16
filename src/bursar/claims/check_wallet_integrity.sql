-- requires: claims/streak_shield.sql
-- check_wallet_integrity: whose shields are not what their claims come to; no rows mean that all is
-- well. `claim_count` is net of uses, refunds and whatever operators granted or took by a verb:
--
--   what was claimed and not taken back, granted or recorded by plain SQL
--   + every other entry of the wallet, but for plain SQL's: uses, grants, adjustments, debts repaid
--   + what was owed because a refund found too little
--
-- Plain SQL's own changes of the wallet are left out: beside a claim that plain SQL recorded they
-- make the usual pair, one item and a clean check; alone they are what this check is there to find.
CREATE OR REPLACE FUNCTION bursar.count_shields(p_user_id text DEFAULT NULL)
RETURNS TABLE (user_id text, wallet_count integer, claim_count bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH claimed AS (
        SELECT c.user_id, sum(c.amount) AS amount
        FROM public.purchase_claims AS c
        JOIN public.skus AS s ON s.sku = c.sku AND s.asset = 'streak_shield'
        WHERE c.status <> 'refunded' AND (p_user_id IS NULL OR c.user_id = p_user_id)
        GROUP BY c.user_id
    ), moved AS (
        SELECT e.owner_id AS user_id, sum(e.amount) AS amount
        FROM bursar.entry AS e
        JOIN bursar.transaction AS t ON t.id = e.transaction_id
        WHERE e.asset = 'streak_shield' AND e.seq IS NOT NULL
            AND (p_user_id IS NULL OR e.owner_id = p_user_id)
            AND (e.bucket = 'debt' OR t.verb NOT IN (
                    'claim_purchase', 'refund_claim', 'regrant_claim', 'correct_shields')
                AND NOT (t.verb = 'adjust' AND starts_with(t.actor, 'sql:')))
        GROUP BY e.owner_id
    ), owed AS (
        SELECT e.owner_id AS user_id, sum(e.amount) AS amount
        FROM bursar.entry AS e
        JOIN bursar.transaction AS t ON t.id = e.transaction_id AND t.verb = 'refund_claim'
        WHERE e.asset = 'streak_shield:owed' AND e.seq IS NOT NULL AND e.amount > 0
            AND (p_user_id IS NULL OR e.owner_id = p_user_id)
        GROUP BY e.owner_id
    )
    SELECT coalesce(w.user_id, x.user_id), coalesce(w.streakshield_count, 0), coalesce(x.total, 0)
    FROM (SELECT * FROM public.user_wallet_balances AS b
        WHERE p_user_id IS NULL OR b.user_id = p_user_id) AS w
    FULL JOIN (SELECT a.user_id, sum(a.amount)::bigint AS total
        FROM (SELECT * FROM claimed UNION ALL SELECT * FROM moved
            UNION ALL SELECT * FROM owed) AS a
        GROUP BY a.user_id) AS x ON x.user_id = w.user_id
$$;

COMMENT ON FUNCTION bursar.count_shields(text) IS 'Shields in wallets, and what claims come to.';
REVOKE ALL ON FUNCTION bursar.count_shields(text) FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION public.check_wallet_integrity()
RETURNS TABLE (user_id text, wallet_count integer, claim_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT s.user_id, s.wallet_count, s.claim_count FROM bursar.count_shields() AS s
    WHERE s.wallet_count <> s.claim_count ORDER BY s.user_id
$$;

COMMENT ON FUNCTION public.check_wallet_integrity() IS
    'Wallets whose shields are not what their claims come to; no rows mean that all is well.';
REVOKE ALL ON FUNCTION public.check_wallet_integrity() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.check_wallet_integrity()
    TO service_role, bursar_service, bursar_operator;
