-- P7: Refunds together never exceed the transaction they correct.
--
-- A finding means that more was given back than was charged, granted or captured, that a refund
-- corrects what cannot be refunded, or that the transaction it corrects is not there. What can be
-- refunded is a grant, or a charge: what has debited its owner's own wallet and corrects nothing.
--
-- rows: SELECT count(*) FROM bursar.transaction WHERE verb = 'refund'
SELECT CASE WHEN p.id IS NULL THEN 'a refund corrects nothing'
        WHEN r.amount > p.amount THEN 'refunds exceed what they correct'
        ELSE 'a refund corrects what it cannot' END AS what,
    jsonb_strip_nulls(jsonb_build_object('transaction_id', r.corrects, 'last_refund_id', r.last_id,
        'owner_id', p.owner_id, 'asset', p.asset)) AS ids,
    CASE WHEN p.id IS NULL THEN 'a transaction'
        ELSE format('at most %s back, of a %s', p.amount, p.verb) END AS expected,
    format('%s refunds of %s in all', r.refunds, r.amount) AS found,
    count(*) OVER () AS findings
FROM (
    SELECT corrects, count(*) AS refunds, sum(amount) AS amount, max(id) AS last_id,
        min(owner_id) AS owner_id, max(owner_id) AS other_owner_id, min(asset) AS asset
    FROM bursar.transaction
    WHERE verb = 'refund'
    GROUP BY corrects
) AS r
LEFT JOIN bursar.transaction AS p ON p.id = r.corrects
WHERE (r.amount <= p.amount AND p.owner_id = r.owner_id AND p.owner_id = r.other_owner_id
    AND p.asset = r.asset AND p.corrects IS NULL AND p.verb <> 'adjust'
    AND (p.verb = 'grant' OR EXISTS (SELECT FROM bursar.entry AS e
        WHERE e.transaction_id = p.id AND e.owner_id = p.owner_id AND e.asset = p.asset
            AND e.amount < 0 AND e.bucket <> 'debt'))) IS NOT TRUE
ORDER BY r.corrects
LIMIT $1::bigint;
