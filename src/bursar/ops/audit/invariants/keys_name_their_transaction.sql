-- P4: What a key remembers as done was done, and what it remembers as refused moved nothing.
--
-- A finding means that a request sent again would be answered with something that is not so: the
-- outcome was changed, or its transaction was changed or removed. What a card is still to pay for
-- has no transaction yet: keys_name_their_card_payment looks at that.
--
-- rows: SELECT count(*) FROM bursar.idempotency
-- since: keys
--
-- Outcomes lie in the order in which they were written, and so do the transactions, so that looking
-- them up one by one costs less than any join that puts outcomes aside. The LIMIT keeps it so, and
-- findings are sorted by what no index has, so that none of them lends its order to the reading.
SELECT CASE WHEN (r.status IN ('done', 'refused')) IS NOT TRUE
            THEN 'an outcome is neither done nor refused'
        WHEN r.status = 'refused' THEN 'a refusal names a transaction'
        WHEN t.id IS NULL THEN 'a remembered transaction is not there'
        ELSE 'a remembered transaction was another one' END AS what,
    jsonb_strip_nulls(jsonb_build_object(
        'claim', encode(r.claim, 'hex'), 'transaction_id', r.named)) AS ids,
    format('%s of %s %s for %s', r.verb, r.amount, r.asset, r.owner_id) AS expected,
    CASE WHEN t.id IS NULL THEN 'nothing'
        ELSE format('%s of %s %s for %s', t.verb, t.amount, t.asset, t.owner_id) END AS found,
    count(*) OVER () AS findings
FROM (
    SELECT i.claim, o.status, o.transaction_id AS named, o.verb, o.owner_id, o.asset, o.amount
    FROM bursar.idempotency AS i
    CROSS JOIN LATERAL json_to_record(i.outcome) AS o (
        status text, transaction_id text, verb text, owner_id text, asset text, amount text)
) AS r
LEFT JOIN LATERAL (
    SELECT * FROM bursar.transaction AS x
    -- What is no number names nothing, and is no reason to stop.
    WHERE x.id = CASE WHEN length(r.named) BETWEEN 1 AND 18
        AND translate(r.named, '0123456789', '') = '' THEN r.named::bigint END
    LIMIT 1
) AS t ON true
WHERE CASE r.status
    WHEN 'refused' THEN r.named IS NOT NULL
    -- A deduction goes back by the ledger's own refund.
    WHEN 'done' THEN (t.verb = CASE r.verb WHEN 'refund_credit' THEN 'refund'
        WHEN 'boost_post' THEN 'spend' ELSE r.verb END
        AND t.owner_id = r.owner_id AND t.asset = r.asset
        AND t.amount::text = r.amount
        OR r.verb IN ('validate_and_lock_leads_for_purchase', 'open_top_up')
        AND r.named IS NULL) IS NOT TRUE
    ELSE true END
ORDER BY r.named, encode(r.claim, 'hex')
LIMIT $1::bigint;
