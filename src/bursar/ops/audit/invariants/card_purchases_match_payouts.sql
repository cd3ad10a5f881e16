-- P8: A purchase by card pays its sellers once, for what was sold, and owes what was gone.
--
-- A finding means that a lead was handed out that nobody paid for, that a seller was paid another
-- amount than was sold, or that money for a lead that was gone is not owed: a purchase, its items,
-- its payment or its payouts were changed past the functions.
--
-- rows: SELECT count(*) FROM public.card_payments
-- needs: public.card_payments
WITH item AS (
    SELECT i.purchase_id, sum(i.price) AS price, sum(i.fee) AS fee, count(*) AS items,
        count(*) FILTER (WHERE i.status = 'sold') AS sold,
        count(*) FILTER (WHERE i.status IN ('sold', 'refunded')) AS had,
        count(*) FILTER (WHERE i.status = 'gone') AS gone,
        count(*) FILTER (WHERE i.status = 'reserved') AS reserved,
        coalesce(sum(i.price) FILTER (WHERE i.status = 'gone'), 0) AS gone_price
    FROM public.marketplace_purchase_items AS i
    GROUP BY i.purchase_id
),
purchase AS (
    SELECT coalesce(p.id, c.purchase_id) AS purchase_id, c.id AS payment_id,
        CASE WHEN p.id IS NULL THEN 'a card payment has no purchase'
            WHEN c.id IS NULL THEN 'a purchase by card has no payment'
            WHEN (c.workspace_id = p.buyer_workspace_id AND c.credits = p.total_price
                AND i.price = p.total_price AND i.fee = p.fee AND p.transaction_id IS NULL)
                IS NOT TRUE THEN 'the items of a purchase are not what is to be paid'
            WHEN c.paid_at IS NULL AND i.had + i.gone > 0
                THEN 'a purchase that was not paid has leads'
            WHEN (CASE WHEN c.paid_at IS NULL
                    THEN p.status = 'pending' AND i.reserved = i.items
                        OR p.status IN ('failed', 'expired') AND i.reserved = 0
                ELSE i.had + i.gone = i.items AND CASE p.status WHEN 'completed' THEN i.sold > 0
                    WHEN 'refunded' THEN i.sold = 0
                    ELSE p.status = 'failed' AND i.had = 0 END END) IS NOT TRUE
                THEN 'a purchase by card has not ended as it says'
            WHEN c.owed <> CASE WHEN c.paid_at IS NULL THEN 0
                    ELSE c.amount / c.credits * i.gone_price END
                THEN 'what is owed is not what was gone' END AS what,
        format('%s for %s, owing %s', p.status, p.total_price,
            c.amount / c.credits * i.gone_price) AS expected,
        format('%s items for %s: %s sold, %s gone, %s reserved; %s, owing %s', i.items, i.price,
            i.sold, i.gone, i.reserved,
            CASE WHEN c.paid_at IS NULL THEN 'not paid' ELSE 'paid' END, c.owed) AS found
    FROM (SELECT * FROM public.marketplace_purchases WHERE payment_method = 'stripe') AS p
    FULL JOIN (SELECT * FROM public.card_payments WHERE purchase_id IS NOT NULL) AS c
        ON c.purchase_id = p.id
    LEFT JOIN item AS i ON i.purchase_id = p.id
),
payout AS (
    SELECT s.purchase_id, coalesce(s.payment_id, o.payment_id) AS payment_id,
        'a seller was paid another amount than was sold' AS what,
        format('%s, %s of it fee, to %s', coalesce(s.credits, 0), coalesce(s.fee, 0),
            coalesce(s.workspace_id, o.workspace_id)) AS expected,
        format('%s, %s of it fee', coalesce(o.credits, 0), coalesce(o.fee, 0)) AS found
    FROM (
        SELECT c.id AS payment_id, i.purchase_id, i.seller_workspace_id AS workspace_id,
            i.transaction_id, sum(i.price) AS credits, sum(i.fee) AS fee
        FROM public.card_payments AS c
        JOIN public.marketplace_purchase_items AS i ON i.purchase_id = c.purchase_id
        WHERE i.status IN ('sold', 'refunded')
        GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT c.id, NULL, c.workspace_id, o.transaction_id, c.credits, 0
        FROM public.card_payments AS c
        LEFT JOIN public.card_payouts AS o ON o.payment_id = c.id AND o.place = 1
        WHERE c.purchase_id IS NULL AND c.paid_at IS NOT NULL
    ) AS s
    FULL JOIN public.card_payouts AS o ON o.payment_id = s.payment_id
        AND o.workspace_id = s.workspace_id AND o.transaction_id = s.transaction_id
    WHERE (o.credits = s.credits AND o.fee = s.fee) IS NOT TRUE
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('purchase_id', purchase_id, 'payment_id', payment_id))
        AS ids,
    expected, found, count(*) OVER () AS findings
FROM (SELECT * FROM purchase WHERE what IS NOT NULL UNION ALL SELECT * FROM payout) AS wrong
ORDER BY payment_id, purchase_id, what
LIMIT $1::bigint;
