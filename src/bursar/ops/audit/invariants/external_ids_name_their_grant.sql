-- P8: An external id has one grant, to the owner it names, and no other external id has it.
--
-- A finding means that a payment or a store purchase could have been granted twice, or that its
-- grant was changed or removed.
--
-- rows: SELECT count(*) FROM bursar.external_reference
SELECT CASE WHEN t.id IS NULL THEN 'the grant of an external id is not there'
        WHEN x.times > 1 THEN 'several external ids have one grant'
        ELSE 'an external id names something else than its grant' END AS what,
    jsonb_build_object('provider', x.provider, 'account', x.account, 'mode', x.mode,
        'external_id', x.external_id, 'transaction_id', x.transaction_id) AS ids,
    'one grant to ' || x.owner_id AS expected,
    CASE WHEN t.id IS NULL THEN 'nothing'
        ELSE format('%s to %s, named by %s', t.verb, t.owner_id, x.times) END AS found,
    count(*) OVER () AS findings
FROM (SELECT r.*, count(*) OVER (PARTITION BY r.transaction_id) AS times
    FROM bursar.external_reference AS r) AS x
LEFT JOIN bursar.transaction AS t ON t.id = x.transaction_id
WHERE (t.verb = 'grant' AND t.owner_id = x.owner_id AND x.times = 1) IS NOT TRUE
ORDER BY x.provider, x.account, x.mode, x.external_id
LIMIT $1::bigint;
