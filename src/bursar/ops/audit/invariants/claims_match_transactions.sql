-- P8: Each claim was granted once, by one transaction or booster, and taken back once if refunded.
--
-- A finding means that a purchase was granted without its claim or twice, that a refund took
-- nothing or took too much, or that a claim was changed or removed past the functions. An item
-- moves in the ledger, under the claim's tx_id and SKU as its reason; a booster is a row of
-- booster_changes. What plain SQL has recorded has neither, and is taken back by a refund like all
-- others.
--
-- rows: SELECT count(*) FROM public.purchase_claims
-- needs: public.purchase_claims
WITH returned AS (
    SELECT reason, min(amount) AS least, max(amount) AS most, min(owner_id) AS owner_id,
        max(owner_id) AS other_owner_id, max(id) AS last_id,
        count(*) FILTER (WHERE verb = 'refund_claim')
            - count(*) FILTER (WHERE verb = 'regrant_claim') AS times
    FROM bursar.transaction
    WHERE verb IN ('refund_claim', 'regrant_claim')
    GROUP BY reason
),
boosted AS (
    SELECT tx_id, count(*) AS times, min(user_id) AS user_id
    FROM public.booster_changes
    WHERE cause = 'claim'
    GROUP BY tx_id
),
claim AS (
    SELECT *, count(transaction_id) OVER (PARTITION BY transaction_id) AS times
    FROM public.purchase_claims
),
judged AS (
    SELECT coalesce(c.tx_id, b.tx_id) AS tx_id, coalesce(c.user_id, t.owner_id, b.user_id,
            r.owner_id) AS user_id, coalesce(c.transaction_id, t.id, r.last_id) AS transaction_id,
        c.status, c.sku, c.amount, t.amount AS moved, t.owner_id, b.times AS boosters,
        coalesce(r.times, 0) AS returned, CASE
        WHEN c.tx_id IS NULL AND t.id IS NOT NULL THEN 'a transaction granted what nobody claimed'
        WHEN c.tx_id IS NULL AND b.tx_id IS NOT NULL THEN 'a booster was given without a claim'
        WHEN c.tx_id IS NULL THEN 'what was taken back was never claimed'
        WHEN c.transaction_id IS NOT NULL AND t.id IS NULL
            THEN 'the transaction of a claim is not there'
        WHEN c.times > 1 THEN 'several claims have one transaction'
        WHEN t.id IS NOT NULL AND (t.owner_id = c.user_id AND t.amount = c.amount
            AND t.reason = c.tx_id || ' ' || c.sku) IS NOT TRUE
            THEN 'a claim is not what its transaction says'
        WHEN (c.status = 'recorded') <> (c.outcome IS NULL) AND c.status <> 'refunded'
            OR c.outcome IS NULL AND c.transaction_id IS NOT NULL
            THEN 'a claim was not granted as it says'
        WHEN c.outcome IS NOT NULL
            AND ((o.tx_id, o.user_id, o.sku) = (c.tx_id, c.user_id, c.sku)) IS NOT TRUE
            THEN 'a claim remembers the answer of another'
        WHEN c.outcome IS NOT NULL AND t.id IS NULL AND b.tx_id IS NULL
            THEN 'a granted claim gave nothing'
        WHEN b.times > 1 OR b.tx_id IS NOT NULL AND t.id IS NOT NULL
            THEN 'a purchase was granted twice'
        WHEN b.user_id <> c.user_id THEN 'a booster went to somebody else'
        WHEN (t.id IS NOT NULL OR s.kind = 'item') AND c.status = 'refunded'
            AND coalesce(r.times, 0) < 1 THEN 'a refunded claim kept what it gave'
        WHEN coalesce(r.times, 0) > (c.status = 'refunded')::integer
            THEN 'more was taken back than a claim gave'
        WHEN coalesce(r.times, 0) < 0 THEN 'a claim was granted again without a refund'
        WHEN r.reason IS NOT NULL AND (r.least = c.amount AND r.most = c.amount
            AND r.owner_id = c.user_id AND r.other_owner_id = c.user_id) IS NOT TRUE
            THEN 'what was taken back is not what was claimed' END AS what
    FROM claim AS c
    FULL JOIN (SELECT * FROM bursar.transaction WHERE verb = 'claim_purchase') AS t
        ON t.id = c.transaction_id
    FULL JOIN boosted AS b ON b.tx_id = c.tx_id
    FULL JOIN returned AS r ON r.reason = c.tx_id || ' ' || c.sku
    LEFT JOIN public.skus AS s ON s.sku = c.sku
    -- What is no object says nothing, and is no reason to stop.
    LEFT JOIN LATERAL json_to_record(CASE json_typeof(c.outcome) WHEN 'object' THEN c.outcome END)
        AS o (tx_id text, user_id text, sku text) ON true
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('tx_id', tx_id, 'user_id', user_id,
        'transaction_id', transaction_id)) AS ids,
    CASE WHEN sku IS NULL THEN 'a claim'
        ELSE format('%s of %s to %s, %s', amount, sku, user_id, status) END AS expected,
    format('%s to %s, %s boosters, taken back %s times', coalesce(moved::text, 'nothing'),
        coalesce(owner_id, 'nobody'), coalesce(boosters, 0), returned) AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY tx_id, transaction_id
LIMIT $1::bigint;
