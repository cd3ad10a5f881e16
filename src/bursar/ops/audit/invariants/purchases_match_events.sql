-- P8: A purchase in a store is where the events of the inbox say it is.
--
-- A finding means that a purchase was changed past the functions, that an event had no effect, or
-- that events were removed. Expected is what the events say, by the rules in
-- claims/purchase_facts.sql. Left out are purchases of which an event waits or was set aside, and
-- those that plain SQL brought in, of which there is no event.
--
-- rows: SELECT count(*) FROM public.audit_purchases
-- needs: public.audit_purchases
WITH told AS (
    SELECT subject, mode, min(event_id) AS event_id,
        bool_and(status = 'done') AS is_done,
        (array_agg(type ORDER BY occurred_at DESC, event_id DESC))[1] AS last_type,
        (array_agg(ARRAY[payload ->> 'product_id', payload ->> 'app_user_id'] ORDER BY
            type IN ('INITIAL_PURCHASE', 'NON_RENEWING_PURCHASE', 'RENEWAL') DESC,
            type = 'TEMPORARY_ENTITLEMENT_GRANT', occurred_at, event_id))[1:1] AS first,
        coalesce(max(occurred_at) FILTER (WHERE type = 'CANCELLATION'
                AND payload ->> 'cancel_reason' = 'CUSTOMER_SUPPORT')
            > coalesce(max(occurred_at) FILTER (WHERE type = 'REFUND_REVERSED'), '-infinity'),
            false) AS is_refunded,
        bool_and(type IN ('TEMPORARY_ENTITLEMENT_GRANT', 'EXPIRATION')) AS is_provisional
    FROM bursar.inbox
    WHERE provider = 'revenuecat' AND subject IS NOT NULL AND type IN ('INITIAL_PURCHASE',
        'NON_RENEWING_PURCHASE', 'RENEWAL', 'TEMPORARY_ENTITLEMENT_GRANT', 'EXPIRATION',
        'CANCELLATION', 'REFUND_REVERSED', 'UNCANCELLATION', 'PRODUCT_CHANGE')
    GROUP BY subject, mode
),
judged AS (
    SELECT a.tx_id, a.user_id, e.event_id, e.subject, e.first[1][1] AS sku, e.first[1][2] AS buyer,
        e.last_type, e.is_refunded, e.is_provisional, a AS purchase, CASE
        WHEN a.tx_id IS NULL THEN 'events of a purchase had no effect'
        WHEN a.is_refunded <> e.is_refunded
            THEN 'a purchase is not as refunded as its events say'
        WHEN a.is_provisional <> e.is_provisional
            THEN 'a purchase is not as confirmed as its events say'
        WHEN (a.sku, a.bought_by) IS DISTINCT FROM (e.first[1][1], e.first[1][2])
            THEN 'a purchase is not what its events say was bought'
        WHEN a.status <> e.last_type THEN 'a purchase has not the status of its last event'
        WHEN a.user_id <> a.bought_by AND t.to_user_id IS NULL
            THEN 'a purchase belongs to somebody whom no event names' END AS what
    FROM told AS e
    LEFT JOIN public.audit_purchases AS a ON e.subject
        = concat_ws(' ', a.store, a.environment, coalesce(a.transaction_id, a.tx_id))
        AND e.mode = CASE a.environment WHEN 'SANDBOX' THEN 'test' ELSE 'live' END
    LEFT JOIN (SELECT DISTINCT to_user_id FROM public.purchase_transfers) AS t
        ON t.to_user_id = a.user_id
    WHERE e.is_done
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('tx_id', tx_id, 'user_id', user_id,
        'event_id', CASE WHEN tx_id IS NULL THEN event_id END)) AS ids,
    format('%s of %s, %s%s%s', sku, buyer, last_type, CASE WHEN is_refunded THEN ', refunded' END,
        CASE WHEN is_provisional THEN ', provisional' END) AS expected,
    CASE WHEN tx_id IS NULL THEN 'nothing'
        ELSE format('%s of %s, now of %s, %s%s%s', (purchase).sku, (purchase).bought_by, user_id,
            (purchase).status, CASE WHEN (purchase).is_refunded THEN ', refunded' END,
            CASE WHEN (purchase).is_provisional THEN ', provisional' END) END AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY subject
LIMIT $1::bigint;
