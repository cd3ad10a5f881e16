-- P9: Each purchase of leads for credits was charged once, for its items, and each charge has one.
--
-- A finding means that leads were handed out without their price, or paid for and not handed out: a
-- purchase, its items or its transaction were written, changed or removed past the functions. A
-- purchase that was given back has been refunded; one that was refunded in credits alone keeps its
-- leads.
--
-- rows: SELECT count(*) FROM public.marketplace_purchases
-- needs: public.marketplace_purchases
WITH item AS (
    SELECT i.purchase_id, sum(i.price) AS price, sum(i.fee) AS fee, count(*) AS items,
        min(i.status) AS status, max(i.status) AS other_status,
        min(i.transaction_id) AS transaction_id, max(i.transaction_id) AS other_transaction_id
    FROM public.marketplace_purchase_items AS i
    GROUP BY i.purchase_id
),
judged AS (
    SELECT p.id, coalesce(t.id, p.transaction_id) AS transaction_id, p.buyer_workspace_id,
        p.status, p.total_price, t.owner_id, t.amount, i.price, i.items, b.amount AS refunded,
        CASE WHEN t.id IS NULL THEN 'a purchase has no charge'
            WHEN p.id IS NULL THEN 'a charge has no purchase'
            WHEN (t.owner_id = p.buyer_workspace_id::text AND t.amount = p.total_price
                AND t.asset = 'workspace_credit' AND p.payment_method = 'credits'
                AND p.status IN ('completed', 'refunded')) IS NOT TRUE
                THEN 'a purchase is not what was charged'
            WHEN (i.price = p.total_price AND i.fee = p.fee AND i.transaction_id = t.id
                AND i.other_transaction_id = t.id) IS NOT TRUE
                THEN 'the items of a purchase are not what was charged'
            WHEN (i.status = i.other_status AND i.status = CASE p.status
                WHEN 'completed' THEN 'sold' ELSE 'refunded' END) IS NOT TRUE
                THEN 'the items of a purchase are not as it says'
            WHEN p.status = 'refunded' AND (b.amount = t.amount) IS NOT TRUE
                THEN 'a purchase was given back and not refunded' END AS what
    FROM (SELECT * FROM public.marketplace_purchases
        WHERE payment_method = 'credits' OR transaction_id IS NOT NULL) AS p
    FULL JOIN (SELECT * FROM bursar.transaction
        WHERE verb = 'complete_credit_lead_purchase') AS t ON t.id = p.transaction_id
    LEFT JOIN item AS i ON i.purchase_id = p.id
    LEFT JOIN (SELECT corrects, sum(amount) AS amount FROM bursar.transaction
        WHERE verb = 'refund' GROUP BY corrects) AS b ON b.corrects = t.id
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('purchase_id', id, 'transaction_id', transaction_id,
        'buyer_workspace_id', buyer_workspace_id)) AS ids,
    CASE WHEN amount IS NULL THEN format('a charge of %s', total_price)
        WHEN what LIKE '% not refunded' THEN format('%s refunded', amount)
        ELSE format('%s by %s', amount, owner_id) END AS expected,
    CASE WHEN id IS NULL OR amount IS NULL THEN 'nothing'
        WHEN what LIKE '% not refunded' THEN format('%s refunded', coalesce(refunded, 0))
        ELSE format('%s for %s by %s, %s items for %s', status, total_price, buyer_workspace_id,
            coalesce(items, 0), coalesce(price, 0)) END AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY transaction_id, id
LIMIT $1::bigint;
