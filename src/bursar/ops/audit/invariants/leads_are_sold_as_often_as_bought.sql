-- P9: A lead is sold at most as often as it may be, counts its sales, and says if it can be had.
--
-- A finding means that a lead was sold twice where it may be sold once, or is offered although it
-- was sold: its counts, or items of purchases, were changed past the functions. A lead may have
-- been sold more often than there are items, because it came from elsewhere with sales of its own.
-- The operators' own question is the first half: sold_count > max_sales.
--
-- rows: SELECT count(*) FROM public.leads
-- needs: public.marketplace_purchase_items
WITH judged AS (
    SELECT l.id, NULL::uuid AS buyer, l.sold_count, l.max_sales, l.marketplace_status, i.sold,
        i.reserved,
        CASE WHEN (l.sold_count BETWEEN 0 AND l.max_sales) IS NOT TRUE
                THEN 'a lead was sold more often than it may be'
            WHEN i.sold > l.sold_count THEN 'a lead was bought more often than it was sold'
            WHEN l.marketplace_status <> 'sold' AND l.sold_count = l.max_sales
                THEN 'a lead that was sold is on sale'
            -- What came from elsewhere has no items, and no count that was kept here.
            WHEN i.items > 0 AND l.marketplace_status = 'sold' AND l.sold_count < l.max_sales
                THEN 'a lead that was not sold is not on sale'
            WHEN i.items > 0 AND l.marketplace_status = 'reserved'
                AND l.sold_count + i.reserved < l.max_sales
                THEN 'a lead is reserved by nobody' END AS what
    FROM public.leads AS l
    LEFT JOIN (
        SELECT lead_id, count(*) AS items, count(*) FILTER (WHERE status = 'sold') AS sold,
            count(*) FILTER (WHERE status = 'reserved') AS reserved
        FROM public.marketplace_purchase_items
        GROUP BY lead_id
    ) AS i ON i.lead_id = l.id
    UNION ALL
    SELECT i.lead_id, p.buyer_workspace_id, NULL, NULL, NULL, count(*), NULL,
        'a lead was sold to one buyer twice'
    FROM public.marketplace_purchase_items AS i
    JOIN public.marketplace_purchases AS p ON p.id = i.purchase_id
    WHERE i.status = 'sold'
    GROUP BY i.lead_id, p.buyer_workspace_id
    HAVING count(*) > 1
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('lead_id', id, 'buyer_workspace_id', buyer)) AS ids,
    CASE WHEN buyer IS NOT NULL THEN '1 sold item'
        ELSE format('at most %s sales, and as many as its items', max_sales) END AS expected,
    CASE WHEN buyer IS NOT NULL THEN format('%s sold items', sold)
        ELSE format('%s, %s sales, items: %s sold, %s reserved', marketplace_status, sold_count,
            coalesce(sold, 0), coalesce(reserved, 0)) END AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY id, buyer
LIMIT $1::bigint;
