-- P8: What the shop accepted and is through with has its outcome, and the claim that it names.
--
-- A finding means that a claim or an event of the store was struck off without being carried out,
-- or that its answer was changed: whoever sent it was told that it is safe. Claims and events that
-- wait are no finding, and neither are those that were set aside with a reason; `bursar queue list`
-- names them.
--
-- rows: SELECT count(*) FROM public.claim_queue
-- needs: public.claim_queue
WITH judged AS (
    SELECT k.tx_id, k.user_id, NULL::text AS event_id, k.status, o.status AS ended,
        CASE WHEN k.status = 'set_aside' AND k.outcome IS NULL
                THEN 'a claim was set aside without a reason'
            WHEN k.status <> 'done' THEN NULL
            WHEN (o.status IN ('done', 'refused') AND o.queued IS NULL) IS NOT TRUE
                THEN 'a claim left the queue without an answer'
            WHEN o.status = 'done' AND c.tx_id IS NULL
                THEN 'a claim that the queue granted is not there' END AS what
    FROM public.claim_queue AS k
    -- What is no object says nothing, and is no reason to stop.
    LEFT JOIN LATERAL json_to_record(CASE json_typeof(k.outcome) WHEN 'object' THEN k.outcome END)
        AS o (status text, tx_id text, queued text) ON true
    LEFT JOIN public.purchase_claims AS c ON c.tx_id = o.tx_id AND c.user_id = k.user_id
    UNION ALL
    SELECT NULL, NULL, i.event_id, i.status, o.status,
        CASE WHEN i.status = 'done' AND (o.status = 'done' AND o.event_id = i.event_id
                AND i.handled_at IS NOT NULL)
                IS NOT TRUE THEN 'an event of the store was struck off without an outcome'
            WHEN i.status = 'refused' AND i.outcome IS NULL
                THEN 'an event of the store was set aside without a reason' END
    FROM bursar.inbox AS i
    LEFT JOIN LATERAL json_to_record(CASE json_typeof(i.outcome) WHEN 'object' THEN i.outcome END)
        AS o (status text, event_id text) ON true
    WHERE i.provider = 'revenuecat' AND i.status <> 'waiting'
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('tx_id', tx_id, 'user_id', user_id,
        'event_id', event_id)) AS ids,
    CASE status WHEN 'done' THEN 'an outcome, and the claim that it names' ELSE 'a reason' END
        AS expected,
    format('%s, outcome %s', status, coalesce(ended, 'none')) AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY tx_id, event_id
LIMIT $1::bigint;
