-- P7: What a wallet holds is what its open holds have left.
--
-- A finding means that an amount is set aside for nothing, or that an open hold is not covered: the
-- wallet or a hold was changed past the kernel.
--
-- rows: SELECT count(*) FROM bursar.balance AS w
SELECT 'what a wallet holds is not what its open holds have left' AS what,
    jsonb_build_object('asset', asset, 'owner_id', owner_id) AS ids,
    format('held %s by %s holds', coalesce(h.amount, 0), coalesce(h.holds, 0)) AS expected,
    CASE WHEN w.owner_id IS NULL THEN 'no wallet' ELSE 'held ' || w.held END AS found,
    count(*) OVER () AS findings
FROM bursar.balance AS w
FULL JOIN (
    SELECT asset, owner_id, count(*) AS holds,
        sum(amount::numeric - captured - released - expired) AS amount
    FROM bursar.hold
    WHERE status = 'open'
    GROUP BY asset, owner_id
) AS h USING (asset, owner_id)
WHERE coalesce(w.held, 0) <> coalesce(h.amount, 0)
ORDER BY asset, owner_id
LIMIT $1::bigint;
