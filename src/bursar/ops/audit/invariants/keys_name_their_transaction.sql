-- P4: What a key remembers as done was done, and what it remembers as refused moved nothing.
--
-- A finding means that a request sent again would be answered with something that is not so: the
-- outcome was changed, or its transaction was changed or removed.
--
-- rows: SELECT count(*) FROM bursar.idempotency
WITH remembered AS (
    SELECT claim, outcome, outcome ->> 'status' AS status, outcome ->> 'transaction_id' AS named,
        CASE WHEN length(outcome ->> 'transaction_id') <= 18
            AND translate(outcome ->> 'transaction_id', '0123456789', '') = ''
            AND outcome ->> 'transaction_id' <> '' THEN (outcome ->> 'transaction_id')::bigint
            END AS transaction_id
    FROM bursar.idempotency
)
SELECT CASE WHEN (r.status IN ('done', 'refused')) IS NOT TRUE
            THEN 'an outcome is neither done nor refused'
        WHEN r.status = 'refused' THEN 'a refusal names a transaction'
        WHEN t.id IS NULL THEN 'a remembered transaction is not there'
        ELSE 'a remembered transaction was another one' END AS what,
    jsonb_strip_nulls(jsonb_build_object(
        'claim', encode(r.claim, 'hex'), 'transaction_id', r.named)) AS ids,
    format('%s of %s %s for %s', r.outcome ->> 'verb', r.outcome ->> 'amount',
        r.outcome ->> 'asset', r.outcome ->> 'owner_id') AS expected,
    CASE WHEN t.id IS NULL THEN 'nothing'
        ELSE format('%s of %s %s for %s', t.verb, t.amount, t.asset, t.owner_id) END AS found,
    count(*) OVER () AS findings
FROM remembered AS r
LEFT JOIN bursar.transaction AS t ON t.id = r.transaction_id
WHERE CASE r.status
    WHEN 'refused' THEN r.named IS NOT NULL
    WHEN 'done' THEN (t.verb = r.outcome ->> 'verb' AND t.owner_id = r.outcome ->> 'owner_id'
        AND t.asset = r.outcome ->> 'asset' AND t.amount::text = r.outcome ->> 'amount')
        IS NOT TRUE
    ELSE true END
ORDER BY r.claim
LIMIT $1::bigint;
