-- P8: What was granted was bought by whoever claimed it, and stands as long as its purchase.
--
-- A finding means that somebody was given what another had bought, or what nobody had; or that a
-- refund has not reached the claim: a claim or a purchase was changed or removed past the
-- functions. Who claimed it must have owned it at some time, by any of their ids: a transfer moves
-- what is not claimed yet, and what was claimed stays. A claim that plain SQL recorded may have no
-- purchase.
--
-- rows: SELECT count(*) FROM public.purchase_claims WHERE outcome IS NOT NULL
-- needs: public.audit_purchases
WITH judged AS (
    SELECT c.tx_id, c.user_id, c.sku, c.status, a.user_id AS owner_id, a.sku AS bought,
        a.is_refunded, CASE
        WHEN a.tx_id IS NULL THEN 'a granted claim has no purchase'
        WHEN c.sku <> a.sku THEN 'a claim is of another product than was bought'
        WHEN c.user_id <> a.user_id AND c.user_id <> ALL (a.owners)
            AND c.user_id <> ALL (a.aliases) AND c.user_id IS DISTINCT FROM a.bought_by
            AND named.user_id IS NULL AND NOT EXISTS (
                -- Few come this far: of whom an event that lost against another one spoke.
                SELECT FROM bursar.inbox AS i
                WHERE i.provider = 'revenuecat' AND i.subject
                    = concat_ws(' ', a.store, a.environment, coalesce(a.transaction_id, a.tx_id))
                    AND (c.user_id IN (i.payload ->> 'app_user_id',
                            i.payload ->> 'original_app_user_id')
                        OR i.payload -> 'aliases' ? c.user_id))
            THEN 'a purchase was claimed by somebody who never had it'
        WHEN a.is_refunded AND c.status <> 'refunded' THEN 'a refunded purchase is still granted'
        WHEN c.status = 'refunded' AND NOT a.is_refunded
            THEN 'a claim was taken back though its purchase stands' END AS what
    FROM public.purchase_claims AS c
    LEFT JOIN public.audit_purchases AS a ON a.tx_id = c.tx_id
    LEFT JOIN (
        SELECT to_user_id AS user_id FROM public.purchase_transfers
        UNION SELECT unnest(to_aliases) FROM public.purchase_transfers
    ) AS named ON named.user_id = c.user_id
    WHERE c.outcome IS NOT NULL OR c.status = 'refunded'
)
SELECT what, jsonb_build_object('tx_id', tx_id, 'user_id', user_id) AS ids,
    CASE WHEN owner_id IS NULL THEN 'a purchase'
        ELSE format('%s of %s, %s', bought, owner_id, CASE WHEN is_refunded THEN 'refunded'
            ELSE 'paid' END) END AS expected,
    format('%s by %s, %s', sku, user_id, status) AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY tx_id
LIMIT $1::bigint;
