-- P7: A hold ends once; what was captured, released and expired makes up its amount.
--
-- A finding means that a hold, or a transaction that moved it, was changed past the kernel.
-- Expected is what the transactions say, found is what the hold says. Captured is what its captures
-- took from what was set aside; an over-run is not part of that. A final capture releases the rest
-- without a transaction of its own.
--
-- rows: SELECT count(*) FROM bursar.hold
WITH moved AS (
    SELECT t.hold_id, count(*) FILTER (WHERE t.verb = 'expire') AS lapses,
        coalesce(sum(taken.amount), 0) AS captured,
        coalesce(sum(t.amount) FILTER (WHERE t.verb = 'release'), 0) AS released,
        coalesce(sum(t.amount) FILTER (WHERE t.verb = 'expire'), 0) AS expired
    FROM bursar.transaction AS t
    LEFT JOIN LATERAL (
        SELECT -sum(e.amount) AS amount
        FROM bursar.entry AS e
        WHERE t.verb = 'capture' AND e.transaction_id = t.id AND e.owner_id = t.owner_id
            AND e.asset = t.asset AND e.bucket = 'used'
    ) AS taken ON true
    WHERE t.hold_id IS NOT NULL
    GROUP BY t.hold_id
),
judged AS (
    SELECT coalesce(h.id, m.hold_id) AS hold_id, m.captured, m.released, m.expired,
        CASE WHEN h.id IS NULL THEN 'a hold was removed'
            WHEN (t.owner_id = h.owner_id AND t.asset = h.asset AND t.amount = h.amount
                AND t.hold_id = h.id) IS NOT TRUE THEN 'a hold is not what its transaction says'
            WHEN h.captured + h.released + h.expired > h.amount
                THEN 'more was taken from a hold than it had'
            WHEN (h.captured = m.captured AND h.expired = m.expired AND m.lapses <= 1
                AND (h.released = m.released OR h.status = 'captured' AND h.released > m.released))
                IS NOT TRUE THEN 'the parts of a hold are not what its transactions say'
            WHEN ((h.status = 'open') = (h.captured + h.released + h.expired < h.amount)
                AND (h.status = 'open') = (h.ended_at IS NULL)
                AND (h.status = 'expired') = (h.expired > 0)
                AND (h.status <> 'captured' OR h.captured > 0)
                AND (h.status <> 'released' OR h.released > 0)) IS NOT TRUE
                THEN 'a hold has not ended as it says' END AS what,
        h AS hold
    FROM bursar.hold AS h
    FULL JOIN moved AS m ON m.hold_id = h.id
    LEFT JOIN bursar.transaction AS t ON t.id = h.transaction_id
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('hold_id', hold_id, 'asset', (hold).asset,
        'owner_id', (hold).owner_id)) AS ids,
    format('captured %s, released %s, expired %s', captured, released, expired) AS expected,
    CASE WHEN hold IS NULL THEN 'nothing'
        ELSE format('%s of %s: captured %s, released %s, expired %s', (hold).status,
            (hold).amount, (hold).captured, (hold).released, (hold).expired) END AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY hold_id
LIMIT $1::bigint;
