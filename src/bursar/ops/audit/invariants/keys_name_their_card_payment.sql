-- P4: What a key remembers as reserved, or as a top-up, has the card payment that it names.
--
-- A finding means that a request sent again would send its buyer to a payment that is not there, or
-- for another amount: the outcome was changed, or its payment was changed or removed.
--
-- rows: SELECT count(*) FROM public.card_payments
-- since: keys
-- needs: public.card_payments
SELECT CASE WHEN p.id IS NULL THEN 'a remembered card payment is not there'
        ELSE 'a remembered card payment was another one' END AS what,
    jsonb_build_object('claim', encode(r.claim, 'hex'), 'payment_id', r.payment_id) AS ids,
    format('%s %s for %s credits of %s', r.amount, r.currency, r.credits, r.owner_id) AS expected,
    CASE WHEN p.id IS NULL THEN 'nothing'
        ELSE format('%s %s for %s credits of %s', p.amount, p.currency, p.credits, p.workspace_id)
        END AS found,
    count(*) OVER () AS findings
FROM (
    SELECT i.claim, o.payment_id, o.owner_id, o.amount, o.currency,
        coalesce(o.credits, o.total_price) AS credits
    FROM bursar.idempotency AS i
    CROSS JOIN LATERAL json_to_record(i.outcome) AS o (status text, verb text, payment_id text,
        owner_id text, amount text, currency text, credits text, total_price text)
    WHERE o.verb IN ('validate_and_lock_leads_for_purchase', 'open_top_up') AND o.status = 'done'
) AS r
LEFT JOIN public.card_payments AS p ON p.id::text = r.payment_id
WHERE (p.workspace_id::text = r.owner_id AND p.amount::text = r.amount AND p.currency = r.currency
    AND p.credits::text = r.credits) IS NOT TRUE
ORDER BY r.payment_id, encode(r.claim, 'hex')
LIMIT $1::bigint;
