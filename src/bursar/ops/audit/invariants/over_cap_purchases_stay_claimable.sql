-- P8: What was claimed beyond a cap is a purchase that was paid for, and is not granted meanwhile.
--
-- A finding means that a purchase which waits for its cap to free up was removed, or was granted
-- and is still written down as waiting: a claim, a purchase or a row of claims_over_cap was changed
-- past the functions. A claim of it that plain SQL recorded leaves the row, which does no harm.
--
-- rows: SELECT count(*) FROM public.claims_over_cap
-- needs: public.claims_over_cap
WITH judged AS (
    SELECT o.tx_id, o.user_id, o.sku, o.cap, o.times, a.sku AS bought, c.status, CASE
        WHEN a.tx_id IS NULL THEN 'a purchase over its cap is not there'
        WHEN a.sku <> o.sku THEN 'a purchase over its cap is of another product'
        WHEN c.outcome IS NOT NULL THEN 'a purchase over its cap was granted'
        WHEN o.times < 1 OR o.first_at > o.last_at
            THEN 'a purchase was not refused as often as it says' END AS what
    FROM public.claims_over_cap AS o
    LEFT JOIN public.audit_purchases AS a ON a.tx_id = o.tx_id
    LEFT JOIN public.purchase_claims AS c ON c.tx_id = o.tx_id
)
SELECT what, jsonb_build_object('tx_id', tx_id, 'user_id', user_id) AS ids,
    format('%s, bought and not granted, refused at least once', sku) AS expected,
    format('%s, %s, refused %s times', coalesce(bought, 'nothing'),
        coalesce(status, 'not claimed'), times) AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY tx_id
LIMIT $1::bigint;
